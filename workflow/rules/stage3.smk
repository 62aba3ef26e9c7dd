"""Stage 3: a detector that scores stage 2's candidates by what it finds."""


rule train_stage3:
    """Train on a segment per point, made of stage 2's candidates, and keep the model at the end.

    In the chain `segment-labels`, on the true segments, without candidates.
    """
    input:
        features="results/{dataset}/train/features.h5",
        points=supervision,
        segments=segments,
        scores=if_pointed("results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/train/scores.h5"),
        positive=if_pointed(
            "results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/train/positive.json"
        ),
        stage2=if_pointed(
            "results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/model.pt"
        ),
    output:
        multiext(
            "results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/detection-{detection}/stage3-{stage3}/model",
            model=".pt",
            record=".json",
        ),
    log:
        "logs/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/detection-{detection}/stage3-{stage3}/train_stage3.log",
    wildcard_constraints:
        pick=f"last|{settings.BY_SEGMENTS}",
    cache: CACHED
    conda:
        "../../envs/torch.yaml"
    threads: training_threads
    resources:
        script=script("train_stage3.py"),
        device=CONFIG.device,
        gpu=gpus,
        state_every=CONFIG.state_every,
        cache_memory=CONFIG.cache_memory,
    params:
        settings=third_training,
        code=code_of("train_stage3.py", "torch", "stage2", "stage3"),
    shell:
        "python {resources.script:q}"
        " --features {input.features}"
        " --points {input.points}"
        " --segments {input.segments}"
        " --scores {input.scores}"
        " --positive {input.positive}"
        " --stage2 {input.stage2}"
        " {params.settings}"
        " --device {resources.device}"
        " --cache-memory {resources.cache_memory}"
        " --model {output.model}"
        " --record {output.record}"
        " --events $(dirname {output.model})/events"
        " --state $(dirname {output.model})/state.pt"
        " --state-every {resources.state_every}"
        " --code {params.code}"
        " --log {log}"


rule detect_stage3:
    """Stage 2's candidates, scored by stage 3 as well, suppressed."""
    input:
        features="results/{dataset}/test/features.h5",
        labels="results/{dataset}/train/labels.json",
        candidates="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/detection-{detection}/candidates.h5",
        model="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/detection-{detection}/stage3-{stage3}/model.pt",
        annotations=if_ambiguous_dropped("results/{dataset}/test/annotations.json"),
    output:
        "results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/detection-{detection}/stage3-{stage3}/detections.json",
    log:
        "logs/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/detection-{detection}/stage3-{stage3}/detect.log",
    conda:
        "../../envs/torch.yaml"
    threads: scoring_threads
    resources:
        script=script("detect_stage3.py"),
        device=CONFIG.device,
        gpu=gpus,
    params:
        threads=SCORING_THREADS,
        settings=settings_of("detection"),
        code=code_of("detect_stage3.py", "torch", "stage3"),
    shell:
        "python {resources.script:q}"
        " --features {input.features}"
        " --labels {input.labels}"
        " --candidates {input.candidates}"
        " --model {input.model}"
        " --annotations {input.annotations}"
        " --settings {params.settings:q}"
        " --device {resources.device}"
        " --threads {params.threads}"
        " --output {output}"
        " --log {log}"


use rule gate as gate_stage3 with:  # of an experiment with a stage 3
    output:
        "results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/gated-{detection}/stage3-{stage3}/gate.json",
    log:
        "logs/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/gated-{detection}/stage3-{stage3}/gate.log",


use rule detect_gated as detect_gated_stage3 with:  # of an experiment with a stage 3
    output:
        "results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/gated-{detection}/stage3-{stage3}/detections.json",
    log:
        "logs/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/gated-{detection}/stage3-{stage3}/detect.log",
