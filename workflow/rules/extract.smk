"""Videos -> the features of their snippets, a video a job, where a data set's `features` are from videos."""


rule extract_features:
    """The features of one video, by a network; a record of what they are made of lies beside them."""
    input:
        video=video_file,
        weights=weight_files,
    output:
        EXTRACTED,
    log:
        "logs/{dataset}/extract_features/{video}.log",
    benchmark:
        "logs/{dataset}/extract_features/{video}.tsv"
    wildcard_constraints:
        dataset=DATASETS,
    cache: CACHED
    conda:
        "../../envs/video.yaml"
    threads: 4
    resources:
        script=script("extract_features.py"),
        device=CONFIG.device,
        gpu=gpus,
        weights=weight_arguments,
    params:
        key=key_of("extracted"),
        model=lambda wildcards: dataset_of(wildcards).features.model,
        frames=lambda wildcards: dataset_of(wildcards).snippet.frames,
        window=lambda wildcards: dataset_of(wildcards).snippet.window,
        fps=lambda wildcards: dataset_of(wildcards).snippet.fps,
        folder=lambda wildcards, output: os.path.dirname(output[0]),
    shell:
        "python {resources.script:q} --videos {input.video:q} "
        "--model {params.model} --weights {resources.weights} "
        "--frames {params.frames} --window {params.window} --fps {params.fps} "
        "--device {resources.device} --threads {threads} --output {params.folder} --log {log:q}"
