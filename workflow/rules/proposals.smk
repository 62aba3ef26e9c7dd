"""Between the stages: proposals, and the training videos' ranked by reliability."""


rule propose:
    """Positive, reliable and negative proposals of the training videos; those of the test videos."""
    input:
        features=rules.convert_features.output,
        points=rules.convert_annotations.output.points,
        model=f"{STAGE1}/model.pt",
    output:
        positive=f"{PROPOSALS}/positive.json",
        reliable=f"{PROPOSALS}/reliable.json",
        negative=f"{PROPOSALS}/negative.json",
        test=f"{PROPOSALS}/candidates.json",
    log:
        f"{LOGS}/proposals-{{proposals}}/propose.log",
    benchmark:
        f"{LOGS}/proposals-{{proposals}}/propose.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 2
    resources:
        device=CONFIG.device,
    params:
        script=script("propose.py"),
        code=digest.of("propose.py"),
        settings=slice_of("proposals"),
    shell:
        "python {params.script:q} --features {input.features} "
        "--points {input.points} --model {input.model} --settings {params.settings:q} "
        "--seed {wildcards.seed} --device {resources.device} --threads {threads} "
        "--positive {output.positive} --reliable {output.reliable} --negative {output.negative} "
        "--test {output.test} --log {log}"
