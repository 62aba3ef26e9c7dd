"""Detections on the test videos, in the ActivityNet format."""


rule detect_stage1:
    """Stage 1's detections: its proposals, suppressed."""
    input:
        points=made(POINTS),
        proposals=made(CANDIDATES),
        annotations=ambiguous_truth,
    output:
        f"{PROPOSALS}/{DETECTION}/detections.json",
    log:
        f"{LOGS}/proposals-{{proposals}}/{DETECTION}/detect.log",
    benchmark:
        f"{LOGS}/proposals-{{proposals}}/{DETECTION}/detect.tsv"
    conda:
        "../../envs/torch.yaml"
    resources:
        script=script("detect_stage1.py"),
    params:
        key=key_of("detections"),
        settings=slice_of("detection"),
        annotations=lambda wildcards, input: [f"--annotations={path}" for path in input.annotations],
    shell:
        "python {resources.script:q} --proposals {input.proposals} "
        "--points {input.points} --settings {params.settings:q} {params.annotations:q} "
        "--output {output} --log {log}"


rule detect_stage2:
    """Stage 2's detections: each proposal and its refined self, scored and suppressed."""
    input:
        features=made(FEATURES),
        points=made(POINTS),
        proposals=made(CANDIDATES),
        scores=made(SCORES),
        model=made(MODEL2),
        annotations=ambiguous_truth,
    output:
        f"{STAGE2}/{DETECTION}/detections.json",
    log:
        f"{LOGS}/proposals-{{proposals}}/stage2-{{stage2}}/{DETECTION}/detect.log",
    benchmark:
        f"{LOGS}/proposals-{{proposals}}/stage2-{{stage2}}/{DETECTION}/detect.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 2
    resources:
        script=script("detect_stage2.py"),
        device=CONFIG.device,
        gpu=gpus,
    params:
        key=key_of("detections"),
        settings=slice_of("detection"),
        annotations=lambda wildcards, input: [f"--annotations={path}" for path in input.annotations],
    shell:
        "python {resources.script:q} --proposals {input.proposals} "
        "--points {input.points} --model {input.model} --features {input.features} "
        "--scores {input.scores} --settings {params.settings:q} {params.annotations:q} --device {resources.device} "
        "--threads {threads} --output {output} --log {log}"
