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
        stage1=variants_of("stage1"),
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
        stage1=variants_of("stage1"),
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


rule score_snippets:
    """Stage 1's scores of every snippet of both splits."""
    input:
        features=rules.convert_features.output,
        model=f"{STAGE1}/model.pt",
    output:
        f"{STAGE1}/scores.h5",
    log:
        f"{LOGS}/score_snippets.log",
    benchmark:
        f"{LOGS}/score_snippets.tsv"
    wildcard_constraints:
        stage1=variants_of("stage1"),
    conda:
        "../../envs/torch.yaml"
    threads: 2
    resources:
        device=CONFIG.device,
    params:
        script=script("score_snippets.py"),
        code=digest.of("score_snippets.py"),
    shell:
        "python {params.script:q} --features {input.features} --model {input.model} "
        "--device {resources.device} --threads {threads} --output {output} --log {log}"


rule floor:
    """The floor's scores: a logistic regression on the labelled snippets, in place of stage 1."""
    input:
        features=rules.convert_features.output,
        points=rules.convert_annotations.output.points,
    output:
        f"{STAGE1}/scores.h5",
    log:
        f"{LOGS}/floor.log",
    benchmark:
        f"{LOGS}/floor.tsv"
    wildcard_constraints:
        stage1=settings.FLOOR,
    conda:
        "../../envs/data.yaml"
    params:
        script=script("floor.py"),
        code=digest.of("floor.py"),
        settings=lambda wildcards: settings.canonical(CONFIG.step(wildcards.dataset, "floor")),
    shell:
        "OMP_NUM_THREADS={threads} python {params.script:q} --features {input.features} "
        "--points {input.points} --settings {params.settings:q} --output {output} --log {log}"
