"""What a data set holds, before anything is trained on it."""


rule check_dataset:
    """Facts and findings of the converted data set, whatever its layout: a page to read, and as JSON."""
    input:
        annotations=made(ANNOTATIONS),
        points=made(POINTS),
        features=made(FEATURES),
    output:
        html="results/{dataset}/check.html",
        json="results/{dataset}/check.json",
    log:
        "logs/{dataset}/check_dataset.log",
    benchmark:
        "logs/{dataset}/check_dataset.tsv"
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("check_dataset.py"),
    params:
        key=key_of("check"),
    shell:
        "python {resources.script:q} --name {wildcards.dataset} --annotations {input.annotations} "
        "--points {input.points} --features {input.features} --html {output.html} --json {output.json} "
        "--log {log}"
