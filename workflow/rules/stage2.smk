"""Stage 2: how complete each proposal is, and where its ends belong."""


rule train_stage2:
    """Train on ranked proposals and keep the model at the end, without any test data.

    Of `best-on-test` the model is tested on the test split and the best is kept, as released (fault 3).
    """
    input:
        features="results/{dataset}/train/features.h5",
        scores="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/train/scores.h5",
        positive="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/train/positive.json",
        labels=classes_of_videos,
        reliable=if_ranked(
            "results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/train/reliable.json"
        ),
        negative=if_ranked(
            "results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/train/negative.json"
        ),
        test_features=if_tested("results/{dataset}/test/features.h5"),
        test_annotations=if_tested("results/{dataset}/test/annotations.json"),
        test_scores=if_tested("results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/test/scores.h5"),
        test_proposals=if_tested(
            "results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/test/proposals.json"
        ),
    output:
        multiext(
            "results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/model",
            model=".pt",
            record=".json",
        ),
    log:
        "logs/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/train_stage2.log",
    cache: CACHED
    conda:
        "../../envs/torch.yaml"
    threads: training_threads
    resources:
        script=script("train_stage2.py"),
        device=CONFIG.device,
        gpu=gpus,
        state_every=CONFIG.state_every,
        cache_memory=CONFIG.cache_memory,
    params:
        settings=training_of("stage2"),
        code=code_of("train_stage2.py", "torch", "stage2"),
    shell:
        "python {resources.script:q}"
        " --features {input.features}"
        " --scores {input.scores}"
        " --labels {input.labels}"
        " --positive {input.positive}"
        " --reliable {input.reliable}"
        " --negative {input.negative}"
        " {params.settings}"
        " --test-features {input.test_features}"
        " --test-annotations {input.test_annotations}"
        " --test-scores {input.test_scores}"
        " --test-proposals {input.test_proposals}"
        " --device {resources.device}"
        " --cache-memory {resources.cache_memory}"
        " --model {output.model}"
        " --record {output.record}"
        " --events $(dirname {output.model})/events"
        " --state $(dirname {output.model})/state.pt"
        " --state-every {resources.state_every}"
        " --code {params.code}"
        " --log {log}"


rule refine_reliable:
    """The reliable proposals of the training videos after stage 2: what it has made of them."""
    input:
        features="results/{dataset}/train/features.h5",
        points="results/{dataset}/train/points.json",
        scores="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/train/scores.h5",
        positive="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/train/positive.json",
        model="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/model.pt",
    output:
        "results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/detection-{detection}/train/reliable.json",
    log:
        "logs/{dataset}/{pick}/seed{seed}/stage1-{stage1}/proposals-{proposals}/stage2-{stage2}/detection-{detection}/train/refine_reliable.log",
    wildcard_constraints:
        pick=POINTED,
    conda:
        "../../envs/torch.yaml"
    threads: scoring_threads
    resources:
        script=script("refine_reliable.py"),
        device=CONFIG.device,
        gpu=gpus,
    params:
        threads=SCORING_THREADS,
        settings=settings_of("detection"),
        code=code_of("refine_reliable.py", "torch", "stage2"),
    shell:
        "python {resources.script:q}"
        " --features {input.features}"
        " --points {input.points}"
        " --scores {input.scores}"
        " --positive {input.positive}"
        " --model {input.model}"
        " --settings {params.settings:q}"
        " --device {resources.device}"
        " --threads {params.threads}"
        " --output {output}"
        " --log {log}"
