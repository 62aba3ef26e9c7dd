"""mAP of each seed's detections and its reliable proposals' quality; both over the seeds; the ablation."""


rule evaluate:
    """mAP of one detections file."""
    input:
        annotations="results/{dataset}/test/annotations.json",
        detections="results/{dataset}/{steps}/detections.json",
    output:
        "results/{dataset}/{steps}/evaluation-{evaluation}/map.json",
    log:
        "logs/{dataset}/{steps}/evaluation-{evaluation}/evaluate.log",
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("evaluate.py"),
    params:
        settings=evaluation_of,
        code=code_of("evaluate.py", "data"),
    shell:
        "python {resources.script:q}"
        " --annotations {input.annotations}"
        " --detections {input.detections}"
        " --subset test"
        " {params.settings}"
        " --output {output}"
        " --log {log}"
        " > /dev/null"


rule measure_reliable:
    """How well a stage's reliable proposals lie on the training videos' true instances; for tables alone."""
    input:
        annotations="results/{dataset}/train/annotations.json",
        points="results/{dataset}/train/points.json",
        reliable="results/{dataset}/{steps}/train/reliable.json",
    output:
        "results/{dataset}/{steps}/reliable-quality.json",
    log:
        "logs/{dataset}/{steps}/measure_reliable.log",
    wildcard_constraints:
        steps=steps_of(POINTED),
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("measure_reliable.py"),
    params:
        code=code_of("measure_reliable.py", "data"),
    shell:
        "python {resources.script:q}"
        " --annotations {input.annotations}"
        " --points {input.points}"
        " --reliable {input.reliable}"
        " --output {output}"
        " --log {log}"


rule gather:
    """The map.json of the default experiment over all seeds; the main target."""
    input:
        stage1_last=evaluations("stage1", "last"),
        stage1_last_reliable=qualities("stage1", "last"),
        stage2_last=evaluations("stage2", "last"),
        stage2_last_reliable=qualities("stage2", "last"),
        gated_last=evaluations("gated", "last"),
        gate=gate_file,
        stage3_last=evaluations("stage3", "last"),
        stage1_best=evaluations("stage1", "best-on-test"),
        stage1_best_reliable=qualities("stage1", "best-on-test"),
        stage2_best=evaluations("stage2", "best-on-test"),
        stage2_best_reliable=qualities("stage2", "best-on-test"),
        records=records,
        events=measured_events,
    output:
        "results/{dataset}/map.json",
    log:
        "logs/{dataset}/gather.log",
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("gather.py"),
        experiment=lambda wildcards: getattr(wildcards, "experiment", "default"),
    params:
        settings=" ".join(map(str, CONFIG.seeds)),
        held_back=none_held_back,
        code=code_of("gather.py", "data"),
    shell:
        "python {resources.script:q}"
        " --dataset {wildcards.dataset}"
        " --experiment {resources.experiment}"
        " --seeds {params.settings}"
        " --stage1-last {input.stage1_last}"
        " --stage1-last-reliable {input.stage1_last_reliable}"
        " --stage2-last {input.stage2_last}"
        " --stage2-last-reliable {input.stage2_last_reliable}"
        " --gated-last {input.gated_last}"
        " --gate {input.gate}"
        " {params.held_back}"
        " --stage3-last {input.stage3_last}"
        " --stage1-best-on-test {input.stage1_best}"
        " --stage1-best-on-test-reliable {input.stage1_best_reliable}"
        " --stage2-best-on-test {input.stage2_best}"
        " --stage2-best-on-test-reliable {input.stage2_best_reliable}"
        " --records {input.records}"
        " --events {input.events}"
        " --output {output}"
        " --log {log}"


use rule gather as gather_experiment with:  # of any other experiment
    output:
        "results/{dataset}/{experiment}/map.json",
    log:
        "logs/{dataset}/{experiment}/gather.log",


rule ablate:
    """What each row of the default's ablation brings, alone in `released` and by its absence from the default."""
    input:
        corrected=corrected_map,
        experiments=ablation_maps,
    output:
        figures="results/{dataset}/ablation.json",
        markdown="results/{dataset}/ablation.md",
    log:
        "logs/{dataset}/ablate.log",
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("ablate.py"),
    params:
        code=code_of("ablate.py", "data"),
    shell:
        "python {resources.script:q}"
        " --corrected {input.corrected}"
        " --experiments {input.experiments}"
        " --output {output.figures}"
        " --markdown {output.markdown}"
        " --log {log}"


use rule ablate as ablate_experiment with:  # of any other experiment that has rows
    output:
        figures="results/{dataset}/{experiment}/ablation.json",
        markdown="results/{dataset}/{experiment}/ablation.md",
    log:
        "logs/{dataset}/{experiment}/ablate.log",
