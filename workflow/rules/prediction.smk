"""Detections on new videos, without ground truth, by the default experiment's model."""


rule bundle_model:
    """Both stages' models and the settings around them in one file, to hand over."""
    input:
        stage1=final(MODEL1),
        stage2=final(MODEL2),
    output:
        MODEL,
    log:
        "logs/{dataset}/bundle_model.log",
    benchmark:
        "logs/{dataset}/bundle_model.tsv"
    conda:
        "../../envs/torch.yaml"
    resources:
        script=script("bundle_model.py"),
    params:
        key=key_of("bundle"),
        settings=lambda wildcards: lineage("bundled", at(wildcards.dataset)),
        stage2=lambda wildcards, input: [f"--stage2={path}" for path in input.stage2],
    shell:
        "python {resources.script:q} --stage1 {input.stage1} {params.stage2:q} "
        "--settings {params.settings:q} --output {output} --log {log}"


rule predict:
    """The detections on the videos of `predict.<new>`, in every format."""
    input:
        new_files,
        model=made(MODEL),
    output:
        json=f"{PREDICTION}/detections.json",
        csv=f"{PREDICTION}/detections.csv",
        vtt=directory(f"{PREDICTION}/vtt"),
    log:
        "logs/{dataset}/predict/{new}/predict.log",
    benchmark:
        "logs/{dataset}/predict/{new}/predict.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 2
    resources:
        script=script("predict.py"),
        features=lambda wildcards: CONFIG.predict[wildcards.new],
        device=CONFIG.device,
        gpu=gpus,
    params:
        key=lambda wildcards: lineage("prediction", at(wildcards.dataset), wildcards.new),
    shell:
        "python {resources.script:q} --model {input.model} --features {resources.features:q} "
        "--output {output.json} {output.csv} {output.vtt}/ --device {resources.device} "
        "--threads {threads} --log {log}"
