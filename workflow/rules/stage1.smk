"""Stage 1: what each snippet shows."""


rule train_stage1:
    """Train on features and points and keep the model at the end, without any test data.

    Of `video-labels` the points are the classes of each video, and `segment-labels` has true segments in their
    place. Of `best-on-test` the model is tested on the test split and the best is kept, as released (fault 3).
    """
    input:
        features="results/{dataset}/train/features.h5",
        points=supervision,
        segments=segments,
        test_features=if_tested("results/{dataset}/test/features.h5"),
        test_annotations=if_tested("results/{dataset}/test/annotations.json"),
    output:
        multiext("results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/model", model=".pt", record=".json"),
    log:
        "logs/{dataset}/{pick}/seed{seed}/stage1-{stage1}/train_stage1.log",
    cache: CACHED
    conda:
        "../../envs/torch.yaml"
    threads: training_threads
    resources:
        script=script("train_stage1.py"),
        device=CONFIG.device,
        gpu=gpus,
        state_every=CONFIG.state_every,
        cache_memory=CONFIG.cache_memory,
    params:
        settings=training_of("stage1"),
        code=code_of("train_stage1.py", "torch", "stage1"),
    shell:
        "python {resources.script:q}"
        " --features {input.features}"
        " --points {input.points}"
        " --segments {input.segments}"
        " {params.settings}"
        " --test-features {input.test_features}"
        " --test-annotations {input.test_annotations}"
        " --device {resources.device}"
        " --model {output.model}"
        " --record {output.record}"
        " --events $(dirname {output.model})/events"
        " --state $(dirname {output.model})/state.pt"
        " --state-every {resources.state_every}"
        " --cache-memory {resources.cache_memory}"
        " --code {params.code}"
        " --log {log}"


rule score_snippets:
    """Stage 1's scores of every snippet of a split."""
    input:
        features="results/{dataset}/{split}/features.h5",
        model="results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/model.pt",
    output:
        "results/{dataset}/{pick}/seed{seed}/stage1-{stage1}/{split}/scores.h5",
    log:
        "logs/{dataset}/{pick}/seed{seed}/stage1-{stage1}/{split}/score_snippets.log",
    cache: CACHED
    conda:
        "../../envs/torch.yaml"
    threads: scoring_threads
    resources:
        script=script("score_snippets.py"),
        device=CONFIG.device,
        gpu=gpus,
    params:
        threads=SCORING_THREADS,
        code=code_of("score_snippets.py", "torch", "stage1"),
    shell:
        "python {resources.script:q}"
        " --features {input.features}"
        " --model {input.model}"
        " --device {resources.device}"
        " --threads {params.threads}"
        " --output {output}"
        " --log {log}"
