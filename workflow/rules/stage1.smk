"""Stage 1: the snippet network."""


rule train_stage1:
    """Train on features and points; keep the model at the end. No test data are read."""
    input:
        features=rules.convert_features.output,
        points=rules.convert_annotations.output.points,
    output:
        model=f"{STAGE1}/model.pt",
        events=directory(f"{STAGE1}/events"),
    log:
        f"{LOGS}/train_stage1.log",
    benchmark:
        f"{LOGS}/train_stage1.tsv"
    wildcard_constraints:
        pick="last",
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        device=CONFIG.device,
    params:
        script=script("train_stage1.py"),
        code=digest.of("train_stage1.py"),
        settings=slice_of("stage1"),
    shell:
        "python {params.script:q} --features {input.features} "
        "--points {input.points} --settings {params.settings:q} --seed {wildcards.seed} "
        "--device {resources.device} --threads {threads} --model {output.model} "
        "--events {output.events} --log {log}"


rule train_stage1_on_test:
    """Train with tests on the test split; keep the best model, as the released program does (fault 3)."""
    input:
        features=rules.convert_features.output,
        points=rules.convert_annotations.output.points,
        annotations=rules.convert_annotations.output.annotations,
    output:
        model=f"{STAGE1}/model.pt",
        events=directory(f"{STAGE1}/events"),
    log:
        f"{LOGS}/train_stage1.log",
    benchmark:
        f"{LOGS}/train_stage1.tsv"
    wildcard_constraints:
        pick="best-on-test",
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        device=CONFIG.device,
    params:
        script=script("train_stage1_on_test.py"),
        code=digest.of("train_stage1_on_test.py"),
        settings=slice_of("stage1"),
        test=test_settings,
        exclude=excluded,
    shell:
        "python {params.script:q} --features {input.features} "
        "--points {input.points} --settings {params.settings:q} --seed {wildcards.seed} "
        "--device {resources.device} --threads {threads} --model {output.model} "
        "--events {output.events} --log {log} "
        "--annotations {input.annotations} --test {params.test:q} --exclude={params.exclude:q}"
