"""Which videos to label next."""


rule label_next:
    """Which videos to label next, of those with features that are in neither split."""
    input:
        unlabelled_files,
        features="results/{dataset}/train/features.h5",
    output:
        "results/{dataset}/label_next.csv",
    log:
        "logs/{dataset}/label_next.log",
    wildcard_constraints:
        dataset=DATASETS,
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("label_next.py"),
        source=planned(unlabelled_source),
        root=root_of,
        labels=labels_of,
        layout=layout_of,
        names=names_of,
        videos=own_videos,
    params:
        code=code_of("label_next.py", "data"),
        source=unlabelled_source,
    shell:
        "HRPRO_SOURCE={resources.source:q} python {resources.script:q}"
        " --root {resources.root:q}"
        " --labels {resources.labels:q}"
        " --features {resources.layout:q}"
        " --names {resources.names:q}"
        " --videos {resources.videos:q}"
        " --training {input.features}"
        " --output {output}"
        " --log {log}"
