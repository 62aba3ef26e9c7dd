"""Between the stages: proposals, and the training videos' ranked by reliability."""


rule propose:
    """Positive, reliable and negative proposals of the training videos; those of the test videos."""
    input:
        scores=rules.score_snippets.output,
        points=rules.convert_annotations.output.points,
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
    params:
        script=script("propose.py"),
        code=digest.of("propose.py"),
        settings=slice_of("proposals"),
        frames=lambda wildcards: dataset_of(wildcards).snippet.frames,
        fps=lambda wildcards: dataset_of(wildcards).snippet.fps,
    shell:
        "python {params.script:q} --scores {input.scores} --points {input.points} "
        "--frames {params.frames} --fps {params.fps} --settings {params.settings:q} "
        "--seed {wildcards.seed} --positive {output.positive} --reliable {output.reliable} "
        "--negative {output.negative} --test {output.test} --log {log}"
