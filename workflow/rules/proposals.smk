"""Between the stages: proposals, and the training videos' ranked by reliability."""


rule propose_training:
    """The proposals of the training videos, of the classes that they have."""
    input:
        scores="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/train/scores.h5",
        labels=classes_of_videos,
    output:
        "results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/train/positive.json",
    log:
        "logs/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/train/propose.log",
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("propose_training.py"),
    params:
        settings=settings_of("proposals"),
        code=code_of("propose_training.py", "data"),
    shell:
        "python {resources.script:q}"
        " --scores {input.scores}"
        " --labels {input.labels}"
        " --settings {params.settings:q}"
        " --output {output}"
        " --log {log}"


rule rank_proposals:
    """The training videos' proposals ranked by their points: the reliable ones, and drawn negative ones.

    Of `segment-labels` the true segments are the reliable ones.
    """
    input:
        scores="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/train/scores.h5",
        points=supervision,
        segments=segments,
        positive="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/train/positive.json",
    output:
        reliable="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/train/reliable.json",
        negative="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/train/negative.json",
    log:
        "logs/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/train/rank.log",
    wildcard_constraints:
        pick=RANKED,
    conda:
        "../../envs/torch.yaml"
    resources:
        script=script("rank_proposals.py"),
    params:
        settings=seeded("proposals"),
        code=code_of("rank_proposals.py", "torch"),
    shell:
        "python {resources.script:q}"
        " --scores {input.scores}"
        " --points {input.points}"
        " --segments {input.segments}"
        " --positive {input.positive}"
        " {params.settings}"
        " --reliable {output.reliable}"
        " --negative {output.negative}"
        " --log {log}"


rule propose_test:
    """The proposals of the test videos."""
    input:
        scores="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/test/scores.h5",
    output:
        "results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/test/proposals.json",
    log:
        "logs/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/test/propose.log",
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("propose_test.py"),
    params:
        settings=settings_of("proposals"),
        code=code_of("propose_test.py", "data"),
    shell:
        "python {resources.script:q}"
        " --scores {input.scores}"
        " --settings {params.settings:q}"
        " --output {output}"
        " --log {log}"
