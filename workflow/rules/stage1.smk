"""Stage 1: the snippet network."""


rule train_stage1:
    """Train on features and points; keep the model at the end. No test data are read."""
    input:
        features=made(FEATURES),
        points=made(POINTS),
    output:
        MODEL1,
    log:
        f"{LOGS}/train_stage1.log",
    benchmark:
        f"{LOGS}/train_stage1.tsv"
    wildcard_constraints:
        pick="last",
        stage1=variants_of("stage1"),
    cache: CACHED
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        script=script("train_stage1.py"),
        device=CONFIG.device,
        gpu=gpus,
        state_every=CONFIG.state_every,
    params:
        key=key_of("stage1"),
        events=beside("events"),
        state=beside("state.pt"),
        settings=slice_of("stage1"),
    shell:
        "python {resources.script:q} --features {input.features} "
        "--points {input.points} --settings {params.settings:q} --seed {wildcards.seed} "
        "--device {resources.device} --threads {threads} --model {output} --events {params.events:q} "
        "--state {params.state:q} --state-every {resources.state_every} --key {params.key} --log {log}"


rule train_stage1_on_test:
    """Train with tests on the test split; keep the best model, as the released program does (fault 3)."""
    input:
        features=made(FEATURES),
        points=made(POINTS),
        annotations=made(ANNOTATIONS),
    output:
        MODEL1,
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
        script=script("train_stage1_on_test.py"),
        device=CONFIG.device,
        gpu=gpus,
        state_every=CONFIG.state_every,
    params:
        key=key_of("stage1"),
        events=beside("events"),
        state=beside("state.pt"),
        settings=slice_of("stage1"),
        test=lambda wildcards: CONFIG.test_settings(wildcards.dataset, wildcards.stage1),
        exclude=excluded,
    shell:
        "python {resources.script:q} --features {input.features} "
        "--points {input.points} --settings {params.settings:q} --seed {wildcards.seed} "
        "--device {resources.device} --threads {threads} --model {output} --events {params.events:q} "
        "--state {params.state:q} --state-every {resources.state_every} --key {params.key} --log {log} "
        "--annotations {input.annotations} --test {params.test:q} --exclude={params.exclude:q}"


rule score_snippets:
    """Stage 1's scores of every snippet of both splits."""
    input:
        features=made(FEATURES),
        model=made(MODEL1),
    output:
        SCORES,
    log:
        f"{LOGS}/score_snippets.log",
    benchmark:
        f"{LOGS}/score_snippets.tsv"
    wildcard_constraints:
        stage1=variants_of("stage1"),
    cache: CACHED
    conda:
        "../../envs/torch.yaml"
    threads: 2
    resources:
        script=script("score_snippets.py"),
        device=CONFIG.device,
        gpu=gpus,
    params:
        key=key_of("scores"),
    shell:
        "python {resources.script:q} --features {input.features} --model {input.model} "
        "--device {resources.device} --threads {threads} --output {output} --log {log}"


rule floor:
    """The floor's scores: a logistic regression on the labelled snippets, in place of stage 1."""
    input:
        features=made(FEATURES),
        points=made(POINTS),
    output:
        SCORES,
    log:
        f"{LOGS}/floor.log",
    benchmark:
        f"{LOGS}/floor.tsv"
    wildcard_constraints:
        stage1=settings.FLOOR,
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("floor.py"),
    params:
        key=key_of("scores"),
        settings=lambda wildcards: settings.canonical(CONFIG.step(wildcards.dataset, "floor")),
    shell:
        "OMP_NUM_THREADS={threads} python {resources.script:q} --features {input.features} "
        "--points {input.points} --settings {params.settings:q} --output {output} --log {log}"
