"""A data set in the HR-Pro layout -> checked annotations, points and one feature file."""


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
    params:
        script=script("make_demo.py"),
        code=digest.of("make_demo.py"),
    shell:
        "python {params.script:q} --output {output} > {log}"


rule convert_annotations:
    """Annotations, splits and points, checked; times in seconds."""
    input:
        source(
            annotations.ANNOTATIONS,
            annotations.POINTS,
            *map(annotations.split_file, ("train", "test")),
        ),
        ambiguous=ambiguous_file,
    output:
        annotations="results/{dataset}/annotations.json",
        points="results/{dataset}/points.json",
    log:
        "logs/{dataset}/convert_annotations.log",
    benchmark:
        "logs/{dataset}/convert_annotations.tsv"
    wildcard_constraints:
        dataset=DATASETS,
    conda:
        "../../envs/data.yaml"
    params:
        script=script("convert_annotations.py"),
        code=digest.of("convert_annotations.py"),
        root=lambda wildcards: dataset_of(wildcards).root,
        ambiguous=lambda wildcards, input: [f"--ambiguous={path}" for path in input.ambiguous],
    shell:
        "python {params.script:q} --root {params.root:q} "
        "{params.ambiguous:q} --annotations {output.annotations} --points {output.points} --log {log}"


rule convert_features:
    """All features in one HDF5 file; the annotations serve to warn of odd lengths alone."""
    input:
        feature_files,
        annotations=ancient(rules.convert_annotations.output.annotations),
    output:
        "results/{dataset}/features.h5",
    log:
        "logs/{dataset}/convert_features.log",
    benchmark:
        "logs/{dataset}/convert_features.tsv"
    wildcard_constraints:
        dataset=DATASETS,
    conda:
        "../../envs/data.yaml"
    params:
        script=script("convert_features.py"),
        code=digest.of("convert_features.py"),
        settings=lambda wildcards: settings.canonical(CONFIG.step(wildcards.dataset, "features")),
        root=lambda wildcards: dataset_of(wildcards).root,
        frames=lambda wildcards: dataset_of(wildcards).snippet.frames,
        fps=lambda wildcards: dataset_of(wildcards).snippet.fps,
    shell:
        "python {params.script:q} --root {params.root:q} "
        "--annotations {input.annotations} --frames {params.frames} --fps {params.fps} "
        "--settings {params.settings:q} --output {output} --log {log}"


rule copy_dataset:
    """A seeded copy of a data set with other points or another test split; its features are links."""
    input:
        annotations="results/{parent}/annotations.json",
        points="results/{parent}/points.json",
        features="results/{parent}/features.h5",
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
    params:
        script=script("copy_dataset.py"),
        code=digest.of("copy_dataset.py"),
        settings=lambda wildcards: settings.canonical(CONFIG.copies[wildcards.change]),
    shell:
        "python {params.script:q} --parent results/{wildcards.parent} --settings {params.settings:q} "
        "--output results/{wildcards.parent}-{wildcards.change} --log {log}"
