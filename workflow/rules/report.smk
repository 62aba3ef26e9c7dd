"""What `snakemake --report` shows beside the check: the default experiment's tables and a picture of detections."""


rule tables:
    """The tables of the default experiment as a page."""
    input:
        "results/{dataset}/map.json",
    output:
        report(
            "results/{dataset}/table.html",
            caption="../report/table.rst",
            category="{dataset}",
            labels={"what": "mAP and quality of reliable proposals"},
        ),
    log:
        "logs/{dataset}/show.log",
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("show.py"),
    params:
        code=code_of("show.py", "data"),
    shell:
        "python {resources.script:q}" " {input}" " --html {output}" " --log {log}"


rule timeline:
    """A test video's true segments and detections on a time axis."""
    input:
        annotations="results/{dataset}/test/annotations.json",
        detections=first_detections,
    output:
        report(
            "results/{dataset}/timeline.svg",
            caption="../report/timeline.rst",
            category="{dataset}",
            labels={"what": "detections on a timeline"},
        ),
    log:
        "logs/{dataset}/draw_timeline.log",
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("draw_timeline.py"),
    params:
        code=code_of("draw_timeline.py", "data"),
    shell:
        "python {resources.script:q}"
        " --annotations {input.annotations}"
        " --detections {input.detections}"
        " --output {output}"
        " --log {log}"


localrules:
    tables,
    timeline,
