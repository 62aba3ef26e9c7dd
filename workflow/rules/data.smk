"""A data set -> checked annotations, points and features, a file per split."""


rule make_demo:
    """The demo's data set, made with a fixed seed."""
    output:
        directory("results/demo/data"),
    log:
        "logs/demo/make_demo.log",
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("make_demo.py"),
    params:
        code=code_of("make_demo.py", "data"),
    shell:
        "python {resources.script:q} --output {output} > {log}"


rule convert_annotations:
    """The annotations of a split, checked; times in seconds."""
    input:
        label_files,
        features=lengths,
    output:
        "results/{dataset}/{split}/annotations.json",
    log:
        "logs/{dataset}/{split}/convert_annotations.log",
    wildcard_constraints:
        dataset=DATASETS,
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("convert_annotations.py"),
        source=planned(annotations_source),
        root=root_of,
        labels=labels_of,
        ambiguous=ambiguous_of,
        tolerance=tolerance_of,
    params:
        code=code_of("convert_annotations.py", "data"),
        source=annotations_source,
    shell:
        "HRPRO_SOURCE={resources.source:q} python {resources.script:q}"
        " --root {resources.root:q}"
        " --labels {resources.labels:q}"
        " --ambiguous {resources.ambiguous:q}"
        " --features {input.features}"
        " --split {wildcards.split}"
        " --tolerance {resources.tolerance}"
        " --annotations {output}"
        " --log {log}"


rule convert_points:
    """The points of the training videos, checked; times in seconds."""
    input:
        label_files,
        features=lengths,
    output:
        "results/{dataset}/train/points.json",
    log:
        "logs/{dataset}/train/convert_points.log",
    wildcard_constraints:
        dataset=DATASETS,
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("convert_points.py"),
        source=planned(points_source),
        root=root_of,
        labels=labels_of,
        tolerance=tolerance_of,
    params:
        code=code_of("convert_points.py", "data"),
        source=points_source,
    shell:
        "HRPRO_SOURCE={resources.source:q} python {resources.script:q}"
        " --root {resources.root:q}"
        " --labels {resources.labels:q}"
        " --features {input.features}"
        " --tolerance {resources.tolerance}"
        " --points {output}"
        " --log {log}"


use rule convert_points as read_points with:  # those that can be used, for check_dataset alone
    output:
        "results/{dataset}/check/points.json",
    log:
        "logs/{dataset}/check/read_points.log",
    resources:
        script=script("convert_points.py"),
        root=root_of,
        source=planned(usable_points_source),
        labels=usable_labels_of,
        tolerance=tolerance_of,
    params:
        code=code_of("convert_points.py", "data"),
        source=usable_points_source,


rule label_videos:
    """The classes of each training video, without any time: what the chain `video-labels` learns from."""
    input:
        "results/{dataset}/train/points.json",
    output:
        "results/{dataset}/train/labels.json",
    log:
        "logs/{dataset}/train/label_videos.log",
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("label_videos.py"),
    params:
        code=code_of("label_videos.py", "data"),
    shell:
        "python {resources.script:q} --points {input} --labels {output} --log {log}"


rule label_segments:
    """The true segments of the training videos: what the chain `segment-labels` learns from."""
    input:
        annotations="results/{dataset}/train/annotations.json",
        points="results/{dataset}/train/points.json",
    output:
        "results/{dataset}/train/segments.json",
    log:
        "logs/{dataset}/train/label_segments.log",
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("label_segments.py"),
    params:
        code=code_of("label_segments.py", "data"),
    shell:
        "python {resources.script:q}"
        " --annotations {input.annotations}"
        " --points {input.points}"
        " --segments {output}"
        " --log {log}"


rule convert_features:
    """A split's features in one HDF5 file; the annotations serve to warn of odd lengths alone."""
    input:
        feature_files,
        training=training_features,
    output:
        "results/{dataset}/{split}/features.h5",
    log:
        "logs/{dataset}/{split}/convert_features.log",
    wildcard_constraints:
        dataset=DATASETS,
    cache: CACHED
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("convert_features.py"),
        source=planned(features_source),
        root=root_of,
        labels=labels_of,
        layout=layout_of,
    params:
        settings=conversion_of,
        code=code_of("convert_features.py", "data"),
        source=features_source,
    shell:
        "HRPRO_SOURCE={resources.source:q} python {resources.script:q}"
        " --root {resources.root:q}"
        " --labels {resources.labels:q}"
        " --features {resources.layout:q}"
        " {params.settings}"
        " --split {wildcards.split}"
        " --training-features {input.training}"
        " --output {output}"
        " --log {log}"


rule copy_training_split:
    """The training split of a copy of a data set: other or fewer points or videos; its features are links."""
    input:
        annotations="results/{parent}/train/annotations.json",
        points="results/{parent}/train/points.json",
        features="results/{parent}/train/features.h5",
    output:
        annotations="results/{parent}-{change}/train/annotations.json",
        points="results/{parent}-{change}/train/points.json",
        features="results/{parent}-{change}/train/features.h5",
    log:
        "logs/{parent}-{change}/train/copy_dataset.log",
    wildcard_constraints:
        parent=DATASETS,
        change=COPIES,
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("copy_dataset.py"),
    params:
        settings=copy_settings,
        code=code_of("copy_dataset.py", "data"),
    shell:
        "python {resources.script:q}"
        " --split train"
        " --annotations {input.annotations}"
        " --points {input.points}"
        " --features {input.features}"
        " --settings {params.settings:q}"
        " --output-annotations {output.annotations}"
        " --output-points {output.points}"
        " --output-features {output.features}"
        " --log {log}"


rule copy_test_split:
    """The test split of a copy of a data set: the same, or training videos that are held back."""
    input:
        annotations=tested_part("annotations.json"),
        points=points_if_held_back,
        features=tested_part("features.h5"),
    output:
        annotations="results/{parent}-{change}/test/annotations.json",
        features="results/{parent}-{change}/test/features.h5",
    log:
        "logs/{parent}-{change}/test/copy_dataset.log",
    wildcard_constraints:
        parent=DATASETS,
        change=COPIES,
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("copy_dataset.py"),
    params:
        settings=copy_settings,
        code=code_of("copy_dataset.py", "data"),
    shell:
        "python {resources.script:q}"
        " --split test"
        " --annotations {input.annotations}"
        " --points {input.points}"
        " --features {input.features}"
        " --settings {params.settings:q}"
        " --output-annotations {output.annotations}"
        " --output-features {output.features}"
        " --log {log}"
