"""What a data set holds, before anything is trained on it."""


rule check_dataset:
    """Facts and findings of the converted data set, whatever its layout: a page to read, and as JSON."""
    input:
        annotations=[
            "results/{dataset}/train/annotations.json",
            "results/{dataset}/test/annotations.json",
        ],
        points=checked_points,
        features=[
            "results/{dataset}/train/features.h5",
            "results/{dataset}/test/features.h5",
        ],
    output:
        html=report(
            "results/{dataset}/check.html",
            caption="../report/check.rst",
            category="{dataset}",
            labels={"what": "check of the data set"},
        ),
        json="results/{dataset}/check.json",
    log:
        "logs/{dataset}/check_dataset.log",
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("check_dataset.py"),
    params:
        code=code_of("check_dataset.py", "data"),
    shell:
        "python {resources.script:q}"
        " --name {wildcards.dataset}"
        " --annotations {input.annotations}"
        " --points {input.points}"
        " --features {input.features}"
        " --html {output.html}"
        " --json {output.json}"
        " --log {log}"
