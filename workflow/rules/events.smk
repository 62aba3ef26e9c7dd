"""A list of events in place of all detections: of each class one at a time, with a probability.

It is calibrated on the detections in held-back training videos by which the gate decides, too.
"""


rule calibrate_events:
    """What the scores of the default experiment's events are worth, by held-back videos and their points."""
    input:
        annotations=held_back_points,
        detections=held_back_detections,
        labels="results/{dataset}/train/labels.json",
    output:
        "results/{dataset}/calibration.json",
    log:
        "logs/{dataset}/calibrate_events.log",
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("calibrate_events.py"),
    params:
        code=code_of("calibrate_events.py", "data"),
    shell:
        "python {resources.script:q}"
        " --annotations {input.annotations}"
        " --detections {input.detections}"
        " --labels {input.labels}"
        " --output {output}"
        " --log {log}"


rule list_events:
    """The events in the test videos, of the default experiment and the first seed."""
    input:
        detections=listed_detections,
        labels="results/{dataset}/train/labels.json",
        calibration="results/{dataset}/calibration.json",
    output:
        "results/{dataset}/events.csv",
    log:
        "logs/{dataset}/list_events.log",
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("list_events.py"),
    params:
        settings=events_of,
        code=code_of("list_events.py", "data"),
    shell:
        "python {resources.script:q}"
        " --detections {input.detections}"
        " --labels {input.labels}"
        " --calibration {input.calibration}"
        " {params.settings}"
        " --output {output}"
        " --log {log}"


use rule list_events as list_new_events with:  # in the videos of `predict.<new>`
    input:
        detections="results/{dataset}/predict/{new}/detections.json",
        labels="results/{dataset}/train/labels.json",
        calibration="results/{dataset}/calibration.json",
    output:
        "results/{dataset}/predict/{new}/events.csv",
    log:
        "logs/{dataset}/predict/{new}/list_events.log",


rule measure_events:
    """How good the lists of events are on the test videos, over all seeds: F1, edit score, calibration error."""
    input:
        annotations="results/{dataset}/test/annotations.json",
        detections=measured_detections,
        labels="results/{dataset}/train/labels.json",
        calibration="results/{dataset}/calibration.json",
    output:
        "results/{dataset}/events-quality.json",
    log:
        "logs/{dataset}/measure_events.log",
    conda:
        "../../envs/data.yaml"
    resources:
        script=script("measure_events.py"),
    params:
        settings=measured_events_of,
        code=code_of("measure_events.py", "data"),
    shell:
        "python {resources.script:q}"
        " --annotations {input.annotations}"
        " --detections {input.detections}"
        " --labels {input.labels}"
        " --calibration {input.calibration}"
        " {params.settings}"
        " --output {output}"
        " --log {log}"


# The same of any other experiment.


use rule calibrate_events as calibrate_events_of_experiment with:
    output:
        "results/{dataset}/{experiment}/calibration.json",
    log:
        "logs/{dataset}/{experiment}/calibrate_events.log",


use rule list_events as list_events_of_experiment with:
    input:
        detections=listed_detections,
        labels="results/{dataset}/train/labels.json",
        calibration="results/{dataset}/{experiment}/calibration.json",
    output:
        "results/{dataset}/{experiment}/events.csv",
    log:
        "logs/{dataset}/{experiment}/list_events.log",


use rule measure_events as measure_events_of_experiment with:
    input:
        annotations="results/{dataset}/test/annotations.json",
        detections=measured_detections,
        labels="results/{dataset}/train/labels.json",
        calibration="results/{dataset}/{experiment}/calibration.json",
    output:
        "results/{dataset}/{experiment}/events-quality.json",
    log:
        "logs/{dataset}/{experiment}/measure_events.log",
