"""mAP of each seed's detections and its reliable proposals' quality; both over the seeds; the ablation."""


rule evaluate:
    """mAP of one detections file."""
    input:
        annotations=truth_to_score,
        detections=detections_of,
    output:
        f"results/{{dataset}}/{{steps}}/{EVALUATION}/map.json",
    log:
        f"logs/{{dataset}}/{{steps}}/{EVALUATION}/evaluate.log",
    benchmark:
        f"logs/{{dataset}}/{{steps}}/{EVALUATION}/evaluate.tsv"
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("evaluate.py"),
    params:
        key=key_of("evaluation"),
        exclude=excluded,
        tiou=lambda wildcards: ",".join(map(str, evaluation_of(wildcards).tiou)),
        ambiguous=lambda wildcards: "--ignore-ambiguous" * evaluation_of(wildcards).ignore_ambiguous,
    shell:
        "python {resources.script:q} --annotations {input.annotations} "
        "--detections {input.detections} --subset test --exclude={params.exclude:q} --tiou {params.tiou} "
        "{params.ambiguous} --output {output} --log {log} > /dev/null"


rule measure_reliable:
    """How well a stage's reliable proposals lie on the training videos' true instances; for tables alone."""
    input:
        annotations=made(ANNOTATIONS),
        points=made(POINTS),
        reliable=reliable_of,
    output:
        "results/{dataset}/{steps}/reliable-quality.json",
    log:
        "logs/{dataset}/{steps}/measure_reliable.log",
    benchmark:
        "logs/{dataset}/{steps}/measure_reliable.tsv"
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("measure_reliable.py"),
    params:
        key=key_of("quality"),
    shell:
        "python {resources.script:q} --annotations {input.annotations} --points {input.points} "
        "--reliable {input.reliable} --output {output} --log {log}"


rule gather:
    """The map.json of the default experiment over all seeds; the main target."""
    input:
        stage1_last=evaluated("stage1", "last"),
        stage1_last_reliable=measured("stage1", "last"),
        stage2_last=evaluated("stage2", "last"),
        stage2_last_reliable=measured("stage2", "last"),
        stage1_best=evaluated("stage1", BEST),
        stage1_best_reliable=measured("stage1", BEST),
        stage2_best=evaluated("stage2", BEST),
        stage2_best_reliable=measured("stage2", BEST),
    output:
        RESULT,
    log:
        "logs/{dataset}/gather.log",
    benchmark:
        "logs/{dataset}/gather.tsv"
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("gather.py"),
    params:
        key=result_key,
        seeds=CONFIG.seeds,
        experiment=experiment_of,
    shell:
        "python {resources.script:q} --dataset {wildcards.dataset} "
        "--experiment {params.experiment} --seeds {params.seeds} "
        "--stage1-last {input.stage1_last} --stage1-last-reliable {input.stage1_last_reliable} "
        "--stage2-last {input.stage2_last} --stage2-last-reliable {input.stage2_last_reliable} "
        "--stage1-best-on-test {input.stage1_best} "
        "--stage1-best-on-test-reliable {input.stage1_best_reliable} "
        "--stage2-best-on-test {input.stage2_best} "
        "--stage2-best-on-test-reliable {input.stage2_best_reliable} --output {output} --log {log}"


use rule gather as gather_experiment with:
    output:
        RESULT_OF,
    log:
        "logs/{dataset}/{experiment}/gather.log",
    benchmark:
        "logs/{dataset}/{experiment}/gather.tsv"


rule ablate:
    """What each row of the ablation's settings brings, alone and by its absence from the default."""
    input:
        default=result_of("default"),
        experiments=ablation_maps,
    output:
        figures="results/{dataset}/ablation.json",
        markdown="results/{dataset}/ablation.md",
    log:
        "logs/{dataset}/ablate.log",
    benchmark:
        "logs/{dataset}/ablate.tsv"
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("ablate.py"),
    params:
        key=key_of("ablation"),
    shell:
        "python {resources.script:q} --default {input.default} --experiments {input.experiments} "
        "--output {output.figures} --markdown {output.markdown} --log {log}"
