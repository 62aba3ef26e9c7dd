"""Detections on new videos, without ground truth, by the default experiment's model."""


rule bundle_model:
    """All stages' models and the settings around them in one file, to hand over."""
    input:
        stage1=final_model("stage1"),
        stage2=final_model("stage2"),
        stage3=final_model("stage3"),
        features="results/{dataset}/train/features.h5",
        calibration=[],
        gate=gate_file,
    output:
        "results/{dataset}/model.pt",
    log:
        "logs/{dataset}/bundle_model.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        script=script("bundle_model.py"),
    params:
        settings=bundled_settings,
        code=code_of("bundle_model.py", "torch"),
    shell:
        "python {resources.script:q}"
        " --stage1 {input.stage1}"
        " --stage2 {input.stage2}"
        " --stage3 {input.stage3}"
        " --features {input.features}"
        " --calibration {input.calibration}"
        " --gate {input.gate}"
        " {params.settings}"
        " --output {output}"
        " --log {log}"


use rule bundle_model as bundle_calibrated_model with:  # which lists events, too
    input:
        stage1=final_model("stage1"),
        stage2=final_model("stage2"),
        stage3=final_model("stage3"),
        features="results/{dataset}/train/features.h5",
        calibration="results/{dataset}/calibration.json",
        gate=gate_file,
    output:
        "results/{dataset}/calibrated.pt",
    log:
        "logs/{dataset}/bundle_calibrated_model.log",
    params:
        settings=calibrated_settings,
        code=code_of("bundle_model.py", "torch"),


rule predict:
    """The detections on the videos of `predict.<new>`, in every format."""
    input:
        new_files,
        model="results/{dataset}/model.pt",
    output:
        json="results/{dataset}/predict/{new}/detections.json",
        csv="results/{dataset}/predict/{new}/detections.csv",
        vtt=directory("results/{dataset}/predict/{new}/vtt"),
    log:
        "logs/{dataset}/predict/{new}/predict.log",
    conda:
        "../../envs/torch.yaml"
    threads: SCORING_THREADS
    resources:
        script=script("predict.py"),
        source=planned(new_source),
        features=lambda wildcards: CONFIG.predict[wildcards.new],
        device=CONFIG.device,
        gpu=gpus,
    params:
        threads=SCORING_THREADS,
        code=code_of("predict.py", "torch", "stage1", "stage2", "stage3"),
        source=new_source,
    shell:
        "HRPRO_SOURCE={resources.source:q} python {resources.script:q}"
        " --model {input.model}"
        " --features {resources.features:q}"
        " --output {output.json} {output.csv} {output.vtt}/"
        " --device {resources.device}"
        " --threads {params.threads}"
        " --log {log}"


rule report_prediction:
    """The detections on the videos of `predict.<new>` as a page to look at."""
    input:
        new_files,
        model="results/{dataset}/model.pt",
        detections="results/{dataset}/predict/{new}/detections.json",
    output:
        report(
            "results/{dataset}/predict/{new}/report.html",
            caption="../report/prediction.rst",
            category="{dataset}",
            labels={"what": "detections on the videos of {new}"},
        ),
    log:
        "logs/{dataset}/predict/{new}/report_prediction.log",
    conda:
        "../../envs/torch.yaml"
    threads: SCORING_THREADS
    resources:
        script=script("report_prediction.py"),
        source=planned(new_source),
        features=lambda wildcards: CONFIG.predict[wildcards.new],
        device=CONFIG.device,
        gpu=gpus,
    params:
        threads=SCORING_THREADS,
        settings=CONFIG.report.videos or "",
        code=code_of("report_prediction.py", "torch", "stage1"),
        source=new_source,
    shell:
        "HRPRO_SOURCE={resources.source:q} python {resources.script:q}"
        " --name {wildcards.new}"
        " --model {input.model}"
        " --features {resources.features:q}"
        " --detections {input.detections}"
        " --videos {params.settings:q}"
        " --html {output}"
        " --device {resources.device}"
        " --threads {params.threads}"
        " --log {log}"
