"""Detections on the test videos, in the ActivityNet format."""


rule detect_stage1:
    """Stage 1's detections: its proposals, suppressed."""
    input:
        points=rules.convert_annotations.output.points,
        proposals=rules.propose.output.test,
        annotations=ambiguous_truth,
    output:
        f"{PROPOSALS}/{DETECTION}/detections.json",
    log:
        f"{LOGS}/proposals-{{proposals}}/{DETECTION}/detect.log",
    benchmark:
        f"{LOGS}/proposals-{{proposals}}/{DETECTION}/detect.tsv"
    conda:
        "../../envs/torch.yaml"
    params:
        script=script("detect.py"),
        code=digest.of("detect.py"),
        settings=slice_of("detection"),
        annotations=lambda wildcards, input: [f"--annotations={path}" for path in input.annotations],
    shell:
        "python {params.script:q} --proposals {input.proposals} "
        "--points {input.points} --settings {params.settings:q} {params.annotations:q} "
        "--output {output} --log {log}"


rule detect_stage2:
    """Stage 2's detections: each proposal and its refined self, scored and suppressed."""
    input:
        features=rules.convert_features.output,
        points=rules.convert_annotations.output.points,
        proposals=rules.propose.output.test,
        scores=rules.score_snippets.output,
        model=f"{STAGE2}/model.pt",
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
        device=CONFIG.device,
    params:
        script=script("detect.py"),
        code=digest.of("detect.py"),
        settings=slice_of("detection"),
        annotations=lambda wildcards, input: [f"--annotations={path}" for path in input.annotations],
    shell:
        "python {params.script:q} --proposals {input.proposals} "
        "--points {input.points} --model {input.model} --features {input.features} "
        "--scores {input.scores} --settings {params.settings:q} {params.annotations:q} --device {resources.device} "
        "--threads {threads} --output {output} --log {log}"
