"""Stage 2: the instance network."""


rule train_stage2:
    """Train on ranked proposals; keep the model at the end. No test data are read."""
    input:
        features=made(FEATURES),
        scores=made(SCORES),
        positive=made(POSITIVE),
        reliable=made(RELIABLE),
        negative=made(NEGATIVE),
    output:
        MODEL2,
    log:
        f"{LOGS}/proposals-{{proposals}}/stage2-{{stage2}}/train_stage2.log",
    benchmark:
        f"{LOGS}/proposals-{{proposals}}/stage2-{{stage2}}/train_stage2.tsv"
    wildcard_constraints:
        pick="last",
    cache: CACHED
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        script=script("train_stage2.py"),
        device=CONFIG.device,
        gpu=gpus,
        state_every=CONFIG.state_every,
        vectors_memory=CONFIG.vectors_memory,
    params:
        key=key_of("stage2"),
        events=beside("events"),
        state=beside("state.pt"),
        settings=slice_of("stage2"),
    shell:
        "python {resources.script:q} --features {input.features} "
        "--scores {input.scores} --positive {input.positive} --reliable {input.reliable} "
        "--negative {input.negative} --settings {params.settings:q} --seed {wildcards.seed} "
        "--device {resources.device} --threads {threads} --model {output} --events {params.events:q} "
        "--state {params.state:q} --state-every {resources.state_every} "
        "--vectors-memory {resources.vectors_memory} --key {params.key} --log {log}"


rule train_stage2_on_test:
    """Train with tests on the test split; keep the best model, as the released program does (fault 3)."""
    input:
        features=made(FEATURES),
        scores=made(SCORES),
        annotations=made(ANNOTATIONS),
        positive=made(POSITIVE),
        reliable=made(RELIABLE),
        negative=made(NEGATIVE),
        test=made(CANDIDATES),
    output:
        MODEL2,
    log:
        f"{LOGS}/proposals-{{proposals}}/stage2-{{stage2}}/train_stage2.log",
    benchmark:
        f"{LOGS}/proposals-{{proposals}}/stage2-{{stage2}}/train_stage2.tsv"
    wildcard_constraints:
        pick="best-on-test",
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        script=script("train_stage2_on_test.py"),
        device=CONFIG.device,
        gpu=gpus,
        state_every=CONFIG.state_every,
        vectors_memory=CONFIG.vectors_memory,
    params:
        key=key_of("stage2"),
        events=beside("events"),
        state=beside("state.pt"),
        settings=slice_of("stage2"),
        test=lambda wildcards: CONFIG.test_settings(wildcards.dataset, wildcards.stage1),
        exclude=excluded,
    shell:
        "python {resources.script:q} --features {input.features} "
        "--scores {input.scores} --positive {input.positive} --reliable {input.reliable} "
        "--negative {input.negative} --settings {params.settings:q} --seed {wildcards.seed} "
        "--device {resources.device} --threads {threads} --model {output} --events {params.events:q} "
        "--state {params.state:q} --state-every {resources.state_every} "
        "--vectors-memory {resources.vectors_memory} --key {params.key} --log {log} "
        "--proposals {input.test} --annotations {input.annotations} --test {params.test:q} "
        "--exclude={params.exclude:q}"


rule refine_reliable:
    """The reliable proposals of the training videos after stage 2: what it has made of them."""
    input:
        features=made(FEATURES),
        points=made(POINTS),
        scores=made(SCORES),
        positive=made(POSITIVE),
        model=made(MODEL2),
    output:
        REFINED,
    log:
        f"{LOGS}/proposals-{{proposals}}/stage2-{{stage2}}/{DETECTION}/refine_reliable.log",
    benchmark:
        f"{LOGS}/proposals-{{proposals}}/stage2-{{stage2}}/{DETECTION}/refine_reliable.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 2
    resources:
        script=script("refine_reliable.py"),
        device=CONFIG.device,
        gpu=gpus,
    params:
        key=key_of("refined"),
        settings=slice_of("detection"),
    shell:
        "python {resources.script:q} --features {input.features} --points {input.points} "
        "--scores {input.scores} --positive {input.positive} --model {input.model} "
        "--settings {params.settings:q} --device {resources.device} --threads {threads} "
        "--output {output} --log {log}"
