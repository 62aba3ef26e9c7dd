"""Between the stages: proposals, and the training videos' ranked by reliability."""


rule propose:
    """Positive, reliable and negative proposals of the training videos; those of the test videos."""
    input:
        scores=made(SCORES),
        points=made(POINTS),
    output:
        positive=POSITIVE,
        reliable=RELIABLE,
        negative=NEGATIVE,
        test=CANDIDATES,
    log:
        f"{LOGS}/proposals-{{proposals}}/propose.log",
    benchmark:
        f"{LOGS}/proposals-{{proposals}}/propose.tsv"
    conda:
        "../../envs/torch.yaml"
    resources:
        script=script("propose.py"),
    params:
        key=key_of("proposals"),
        settings=slice_of("proposals"),
        frames=lambda wildcards: dataset_of(wildcards).snippet.frames,
        window=lambda wildcards: dataset_of(wildcards).snippet.window,
        fps=lambda wildcards: dataset_of(wildcards).snippet.fps,
    shell:
        "python {resources.script:q} --scores {input.scores} --points {input.points} "
        "--frames {params.frames} --window {params.window} --fps {params.fps} --settings {params.settings:q} "
        "--seed {wildcards.seed} --positive {output.positive} --reliable {output.reliable} "
        "--negative {output.negative} --test {output.test} --log {log}"
