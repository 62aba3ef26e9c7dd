"""Stage 2: the instance network."""


rule train_stage2:
    """Train on ranked proposals; keep the model at the end. No test data are read."""
    input:
        features=rules.convert_features.output,
        scores=rules.score_snippets.output,
        positive=rules.propose.output.positive,
        reliable=rules.propose.output.reliable,
        negative=rules.propose.output.negative,
    output:
        model=f"{STAGE2}/model.pt",
        events=directory(f"{STAGE2}/events"),
    log:
        f"{LOGS}/proposals-{{proposals}}/stage2-{{stage2}}/train_stage2.log",
    benchmark:
        f"{LOGS}/proposals-{{proposals}}/stage2-{{stage2}}/train_stage2.tsv"
    wildcard_constraints:
        pick="last",
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        device=CONFIG.device,
    params:
        script=script("train_stage2.py"),
        code=digest.of("train_stage2.py"),
        settings=slice_of("stage2"),
    shell:
        "python {params.script:q} --features {input.features} "
        "--scores {input.scores} --positive {input.positive} --reliable {input.reliable} "
        "--negative {input.negative} --settings {params.settings:q} --seed {wildcards.seed} "
        "--device {resources.device} --threads {threads} --model {output.model} "
        "--events {output.events} --log {log}"


rule train_stage2_on_test:
    """Train with tests on the test split; keep the best model, as the released program does (fault 3)."""
    input:
        features=rules.convert_features.output,
        scores=rules.score_snippets.output,
        annotations=rules.convert_annotations.output.annotations,
        positive=rules.propose.output.positive,
        reliable=rules.propose.output.reliable,
        negative=rules.propose.output.negative,
        test=rules.propose.output.test,
    output:
        model=f"{STAGE2}/model.pt",
        events=directory(f"{STAGE2}/events"),
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
        device=CONFIG.device,
    params:
        script=script("train_stage2_on_test.py"),
        code=digest.of("train_stage2_on_test.py"),
        settings=slice_of("stage2"),
        test=test_settings,
        exclude=excluded,
    shell:
        "python {params.script:q} --features {input.features} "
        "--scores {input.scores} --positive {input.positive} --reliable {input.reliable} "
        "--negative {input.negative} --settings {params.settings:q} --seed {wildcards.seed} "
        "--device {resources.device} --threads {threads} --model {output.model} "
        "--events {output.events} --log {log} "
        "--proposals {input.test} --annotations {input.annotations} --test {params.test:q} "
        "--exclude={params.exclude:q}"


rule refine_reliable:
    """The reliable proposals of the training videos after stage 2: what it has made of them."""
    input:
        features=rules.convert_features.output,
        points=rules.convert_annotations.output.points,
        scores=rules.score_snippets.output,
        positive=rules.propose.output.positive,
        model=f"{STAGE2}/model.pt",
    output:
        f"{STAGE2}/{DETECTION}/reliable.json",
    log:
        f"{LOGS}/proposals-{{proposals}}/stage2-{{stage2}}/{DETECTION}/refine_reliable.log",
    benchmark:
        f"{LOGS}/proposals-{{proposals}}/stage2-{{stage2}}/{DETECTION}/refine_reliable.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 2
    resources:
        device=CONFIG.device,
    params:
        script=script("refine_reliable.py"),
        code=digest.of("refine_reliable.py"),
        settings=slice_of("detection"),
    shell:
        "python {params.script:q} --features {input.features} --points {input.points} "
        "--scores {input.scores} --positive {input.positive} --model {input.model} "
        "--settings {params.settings:q} --device {resources.device} --threads {threads} "
        "--output {output} --log {log}"
