"""Videos -> the features of their snippets, a job per video, where a data set's `features` are from videos."""


rule extract_features:
    """The features of one video, by a network; a record of what they are made of lies beside them."""
    input:
        film_and_weights,
    output:
        "results/{dataset}/extracted/{video}.npy",
    log:
        "logs/{dataset}/extract_features/{video}.log",
    wildcard_constraints:
        dataset=DATASETS,
    cache: CACHED
    conda:
        "../../envs/video.yaml"
    threads: EXTRACTION_THREADS
    resources:
        script=script("extract_features.py"),
        source=planned(film_source),
        device=CONFIG.device,
        gpu=gpus,
        film=film_of,
        names=names_of,
        weights=weights_of,
    params:
        threads=EXTRACTION_THREADS,
        settings=extraction_of,
        code=code_of("extract_features.py", "video"),
        source=film_source,
    shell:
        "HRPRO_SOURCE={resources.source:q} python {resources.script:q}"
        " --videos {resources.film:q}"
        " --names {resources.names:q}"
        " {params.settings}"
        " --weights {resources.weights}"
        " --device {resources.device}"
        " --threads {params.threads}"
        " --output results/{wildcards.dataset}/extracted"
        " --log {log:q}"
