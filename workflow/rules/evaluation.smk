"""mAP of each seed's detections, and over the seeds of an experiment."""


rule evaluate:
    """mAP of one detections file."""
    input:
        annotations="results/{dataset}/annotations.json",
        detections=f"results/{{dataset}}/{{steps}}/{DETECTION}/detections.json",
    output:
        f"results/{{dataset}}/{{steps}}/{EVALUATION}/map.json",
    log:
        f"logs/{{dataset}}/{{steps}}/{EVALUATION}/evaluate.log",
    benchmark:
        f"logs/{{dataset}}/{{steps}}/{EVALUATION}/evaluate.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        script=script("evaluate.py"),
        code=digest.of("evaluate.py"),
        exclude=excluded,
        tiou=lambda wildcards: ",".join(map(str, evaluation_of(wildcards).tiou)),
        ambiguous=lambda wildcards: "--ignore-ambiguous" * evaluation_of(wildcards).ignore_ambiguous,
    shell:
        "python {params.script:q} --annotations {input.annotations} "
        "--detections {input.detections} --subset test --exclude={params.exclude:q} --tiou {params.tiou} "
        "{params.ambiguous} --output {output} --log {log} > /dev/null"


rule gather:
    """The map.json of the default experiment over all seeds; the main target."""
    input:
        **EVALUATIONS,
    output:
        "results/{dataset}/map.json",
    log:
        "logs/{dataset}/gather.log",
    benchmark:
        "logs/{dataset}/gather.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        script=script("gather.py"),
        code=digest.of("gather.py"),
        seeds=CONFIG.seeds,
        experiment=experiment_of,
    shell:
        "python {params.script:q} --dataset {wildcards.dataset} "
        "--experiment {params.experiment} --seeds {params.seeds} --stage1-last {input.stage1_last} "
        "--stage2-last {input.stage2_last} --stage1-best-on-test {input.stage1_best} "
        "--stage2-best-on-test {input.stage2_best} --output {output} --log {log}"


use rule gather as gather_experiment with:
    output:
        "results/{dataset}/{experiment}/map.json",
    log:
        "logs/{dataset}/{experiment}/gather.log",
    benchmark:
        "logs/{dataset}/{experiment}/gather.tsv"
