"""Detections on the test videos, in the ActivityNet format."""


rule detect_stage1:
    """Stage 1's detections: its proposals, suppressed."""
    input:
        labels="results/{dataset}/train/labels.json",
        proposals="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/test/proposals.json",
        annotations=if_ambiguous_dropped("results/{dataset}/test/annotations.json"),
    output:
        "results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/detection-{detection}/detections.json",
    log:
        "logs/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/detection-{detection}/detect.log",
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("detect_stage1.py"),
    params:
        settings=settings_of("detection"),
        code=code_of("detect_stage1.py", "data"),
    shell:
        "python {resources.script:q}"
        " --labels {input.labels}"
        " --proposals {input.proposals}"
        " --annotations {input.annotations}"
        " --settings {params.settings:q}"
        " --output {output}"
        " --log {log}"


rule detect_stage2:
    """Stage 2's detections: each proposal and its refined self, scored and suppressed; for stage 3 also as they are."""
    input:
        features="results/{dataset}/test/features.h5",
        labels="results/{dataset}/train/labels.json",
        proposals="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/test/proposals.json",
        scores="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/test/scores.h5",
        model="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/model.pt",
        annotations=if_ambiguous_dropped("results/{dataset}/test/annotations.json"),
    output:
        detections="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/detection-{detection}/detections.json",
        candidates="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/detection-{detection}/candidates.h5",
    log:
        "logs/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/detection-{detection}/detect.log",
    conda:
        "../../envs/torch.yaml"
    threads: scoring_threads
    resources:
        script=script("detect_stage2.py"),
        device=CONFIG.device,
        gpu=gpus,
    params:
        threads=SCORING_THREADS,
        settings=settings_of("detection"),
        code=code_of("detect_stage2.py", "torch", "stage2"),
    shell:
        "python {resources.script:q}"
        " --features {input.features}"
        " --labels {input.labels}"
        " --proposals {input.proposals}"
        " --scores {input.scores}"
        " --model {input.model}"
        " --annotations {input.annotations}"
        " --settings {params.settings:q}"
        " --device {resources.device}"
        " --threads {params.threads}"
        " --output {output.detections}"
        " --candidates {output.candidates}"
        " --log {log}"


rule gate:
    """The last stage that counts in a data set's detections, by the points of held-back training videos.

    Of an experiment with a stage 3 it is `gate_stage3` that asks.
    """
    input:
        annotations="results/{dataset}/test/annotations.json",
        labels="results/{dataset}/train/labels.json",
        stage1="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/detection-{detection}/detections.json",
        stage2="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/detection-{detection}/detections.json",
        stage3=if_stage3(
            "results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/detection-{detection}/stage3-{stage3}/detections.json"
        ),
    output:
        "results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/gated-{detection}/gate.json",
    log:
        "logs/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/gated-{detection}/gate.log",
    wildcard_constraints:
        dataset=f"({DATASETS})-{settings.HELD_BACK_COPY}",
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("gate.py"),
    params:
        code=code_of("gate.py", "data"),
    shell:
        "python {resources.script:q}"
        " --annotations {input.annotations}"
        " --labels {input.labels}"
        " --stage1 {input.stage1}"
        " --stage2 {input.stage2}"
        " --stage3 {input.stage3}"
        " --output {output}"
        " --log {log}"


rule detect_gated:
    """The detections of the last stage that counts, as held-back training videos say.

    Of an experiment with a stage 3 it is `detect_gated_stage3` that takes them.
    """
    input:
        gate=lambda wildcards: gate_of(wildcards.dataset, wildcards),
        stage1="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/detection-{detection}/detections.json",
        stage2="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/detection-{detection}/detections.json",
        stage3=if_stage3(
            "results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/detection-{detection}/stage3-{stage3}/detections.json"
        ),
    output:
        "results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/gated-{detection}/detections.json",
    log:
        "logs/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/gated-{detection}/detect.log",
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("detect_gated.py"),
    params:
        code=code_of("detect_gated.py", "data"),
    shell:
        "python {resources.script:q}"
        " --gate {input.gate}"
        " --stage1 {input.stage1}"
        " --stage2 {input.stage2}"
        " --stage3 {input.stage3}"
        " --output {output}"
        " --log {log}"
