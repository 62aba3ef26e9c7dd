"""What one looks at beside the check: the data set's report, the default experiment's tables, a picture of detections."""


rule write_report:
    """What the experiments of `report.experiments` detect, and what is wrong with it: a page, and its figures."""
    input:
        report_inputs,
        annotations=[
            "results/{dataset}/train/annotations.json",
            "results/{dataset}/test/annotations.json",
        ],
        points="results/{dataset}/train/points.json",
    output:
        html=report(
            "results/{dataset}/report.html",
            caption="../report/report.rst",
            category="{dataset}",
            labels={"what": "report on the detections"},
        ),
        json="results/{dataset}/report.json",
    log:
        "logs/{dataset}/write_report.log",
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("write_report.py"),
        videos=own_videos,
        names=names_of,
    params:
        settings=report_of,
        code=code_of("write_report.py", "data"),
    shell:
        "python {resources.script:q}"
        " --name {wildcards.dataset}"
        " --annotations {input.annotations}"
        " --points {input.points}"
        " --settings {params.settings:q}"
        " --videos {resources.videos:q}"
        " --names {resources.names:q}"
        " --html {output.html}"
        " --json {output.json}"
        " --log {log}"


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


rule compare_labels:
    """What labels are worth: mAP against the minutes that they take."""
    input:
        compared_files,
    output:
        figure=report(
            "results/{dataset}/labelling.svg",
            caption="../report/labelling.rst",
            category="{dataset}",
            labels={"what": "what labels are worth"},
        ),
        json="results/{dataset}/labelling.json",
    log:
        "logs/{dataset}/compare_labels.log",
    wildcard_constraints:
        dataset=DATASETS,
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("compare_labels.py"),
    params:
        settings=compared_settings,
        code=code_of("compare_labels.py", "data"),
    shell:
        "python {resources.script:q}"
        " --name {wildcards.dataset}"
        " --settings {params.settings:q}"
        " --figure {output.figure}"
        " --json {output.json}"
        " --log {log}"


localrules:
    compare_labels,
    write_report,
    tables,
    timeline,
