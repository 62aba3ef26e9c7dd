"""A data set -> checked annotations, points and one feature file."""


rule make_demo:
    """The demo's data set, made with a fixed seed."""
    output:
        directory(DEMO),
    log:
        "logs/demo/make_demo.log",
    benchmark:
        "logs/demo/make_demo.tsv"
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("make_demo.py"),
    params:
        key=lambda wildcards: lineage("demo", at("demo")),
    shell:
        "python {resources.script:q} --output {output} > {log}"


rule convert_annotations:
    """The annotations of both splits, checked; times in seconds."""
    input:
        label_files,
        features=lengths_of,
        ambiguous=ambiguous_file,
    output:
        ANNOTATIONS,
    log:
        "logs/{dataset}/convert_annotations.log",
    benchmark:
        "logs/{dataset}/convert_annotations.tsv"
    wildcard_constraints:
        dataset=DATASETS,
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("convert_annotations.py"),
        root=lambda wildcards: dataset_of(wildcards).root,
        labels=labels_of,
    params:
        key=key_of("annotations"),
        ambiguous=lambda wildcards, input: [f"--ambiguous={path}" for path in input.ambiguous],
        features=lambda wildcards, input: [f"--features={path}" for path in input.features],
    shell:
        "python {resources.script:q} --root {resources.root:q} --labels {resources.labels:q} "
        "{params.ambiguous:q} {params.features:q} --annotations {output} --log {log}"


rule convert_points:
    """The points of the training videos, checked; times in seconds."""
    input:
        label_files,
        features=lengths_of,
    output:
        POINTS,
    log:
        "logs/{dataset}/convert_points.log",
    benchmark:
        "logs/{dataset}/convert_points.tsv"
    wildcard_constraints:
        dataset=DATASETS,
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("convert_annotations.py"),
        root=lambda wildcards: dataset_of(wildcards).root,
        labels=labels_of,
    params:
        key=key_of("points"),
        features=lambda wildcards, input: [f"--features={path}" for path in input.features],
    shell:
        "python {resources.script:q} --root {resources.root:q} --labels {resources.labels:q} "
        "{params.features:q} --points {output} --log {log}"


rule convert_features:
    """All features in one HDF5 file; the annotations serve to warn of odd lengths alone."""
    input:
        feature_files,
    output:
        FEATURES,
    log:
        "logs/{dataset}/convert_features.log",
    benchmark:
        "logs/{dataset}/convert_features.tsv"
    wildcard_constraints:
        dataset=DATASETS,
    cache: CACHED
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("convert_features.py"),
        root=lambda wildcards: dataset_of(wildcards).root,
        labels=labels_of,
        features=lambda wildcards: settings.canonical(features_of(wildcards)),
    params:
        key=key_of("features"),
        settings=lambda wildcards: settings.canonical(CONFIG.step(wildcards.dataset, "features")),
        frames=lambda wildcards: dataset_of(wildcards).snippet.frames,
        window=lambda wildcards: dataset_of(wildcards).snippet.window,
        fps=lambda wildcards: dataset_of(wildcards).snippet.fps,
    shell:
        "python {resources.script:q} --root {resources.root:q} --labels {resources.labels:q} "
        "--features {resources.features:q} "
        "--frames {params.frames} --window {params.window} --fps {params.fps} "
        "--settings {params.settings:q} --output {output} --log {log}"


rule copy_dataset:
    """A seeded copy of a data set with other points or another test split; its features are links."""
    input:
        annotations=parent(ANNOTATIONS),
        points=parent(POINTS),
        features=parent(FEATURES),
    output:
        annotations="results/{parent}-{change}/annotations.json",
        points="results/{parent}-{change}/points.json",
        features="results/{parent}-{change}/features.h5",
    log:
        "logs/{parent}-{change}/copy_dataset.log",
    benchmark:
        "logs/{parent}-{change}/copy_dataset.tsv"
    wildcard_constraints:
        parent=DATASETS,
        change=COPIES,
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("copy_dataset.py"),
    params:
        key=lambda wildcards: lineage("copy", at(f"{wildcards.parent}-{wildcards.change}")),
        settings=lambda wildcards: settings.canonical(CONFIG.copies[wildcards.change]),
    shell:
        "python {resources.script:q} --parent results/{wildcards.parent} --settings {params.settings:q} "
        "--output results/{wildcards.parent}-{wildcards.change} --log {log}"
