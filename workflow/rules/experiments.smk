"""What an experiment is made of: its runs, and the files that its tables, model and figures need. Functions alone."""

import csv
import io

from hrpro.data.instances import are_timed


def evaluation_of(wildcards):
    """A params function: what is scored and how, as options."""
    evaluation = CONFIG.step(wildcards.dataset, "evaluation", wildcards.evaluation)
    options = [
        f"--exclude={names_in_csv(dataset_of(wildcards).exclude)}",
        "--tiou",
        ",".join(map(str, evaluation.tiou)),
    ]
    if evaluation.ignore_ambiguous:
        options.append("--ignore-ambiguous")
    return shlex.join(options)


def names_in_csv(names):
    """Names as one line of CSV, in quotes those with a comma."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return line.getvalue()


def experiment_of(wildcards):
    """The experiment that files belong to, as its data set has it (`experiment_for`)."""
    return experiment_for(wildcards.dataset, getattr(wildcards, "experiment", "default"))


def experiment_for(dataset, name):
    """An experiment as a data set has it: `gate: auto` becomes `on` where no held-back video has a say."""
    experiment, (entry, _) = CONFIG.experiment(name), CONFIG.origin(dataset)
    if experiment.gate != "auto":
        return experiment
    asks = experiment.stage2 is not None and experiment.supervision == "points"
    if asks and decision_holds(dataset) and can_hold_back(entry):
        return experiment
    return experiment.model_copy(update={"gate": "on"})


def decision_holds(dataset):
    """Whether what held-back videos say of a data set, or of what it is a copy of, holds for it.

    Not for copies that are scored with videos that were asked, or lack videos that had a say.
    """
    _, copy = CONFIG.origin(dataset)
    if copy is None or copy == settings.HELD_BACK_COPY:
        return True
    changes = CONFIG.copies[copy]
    return not changes.held_back and changes.labelled == 1


@cache
def can_hold_back(dataset):
    """Whether training videos can be held back and scored with their points: two have some, with times."""
    if not CONFIG.holds_points_back:
        return False
    if is_demo(dataset):
        return True
    require_labels(dataset)
    videos = pointed(dataset, CONFIG.datasets[dataset].on_fault)["videos"]
    return are_timed(videos) and sum(map(bool, videos.values())) > 1


def runs_of(wildcards, stage, pick):
    """The folders of an experiment's runs, one per seed, and its experiment; none where it has no such stage."""
    experiment = experiment_of(wildcards)
    if pick == "best-on-test" and not experiment.best_on_test:
        return [], experiment
    return folders_of(wildcards.dataset, experiment, stage, pick), experiment


def folders_of(dataset, experiment, stage, pick):
    """The folders of a stage of an experiment, one per seed; none where it has no such stage."""
    if getattr(experiment, stage) is None:
        return []
    steps = f"stage1-{experiment.stage1}/proposals-{experiment.proposals}"
    chain = settings.CHAINS.get(experiment.supervision, pick)
    folders = [f"results/{dataset}/{chain}/seed{seed}/{steps}" for seed in CONFIG.seeds]
    if stage != "stage1":
        folders = [f"{folder}/stage2-{experiment.stage2}" for folder in folders]
    if stage == "stage3":
        folders = [
            f"{folder}/detection-{experiment.detection}/stage3-{experiment.stage3}" for folder in folders
        ]
    return folders


def detections_of(dataset, experiment, stage, pick):
    """The folders of the detections of a stage of an experiment, one per seed; none where it has no such stage.

    stage: or "gated", the last one that counts by held-back videos.
    """
    if stage == "stage3":
        return folders_of(dataset, experiment, stage, pick)
    folders = folders_of(dataset, experiment, "stage2" if stage == "gated" else stage, pick)
    if stage != "gated":
        return [f"{folder}/detection-{experiment.detection}" for folder in folders]
    return [f"{folder}/{gated_of(experiment)}" for folder in folders]


def gated_of(variants):
    """The folder of what counts of some variants of the steps, in that of stage 2."""
    gated, stage3 = f"gated-{variants.detection}", getattr(variants, "stage3", None)
    return f"{gated}/stage3-{stage3}" if stage3 else gated


def evaluations(stage, pick):
    """An input function: a stage's map.json of every seed of an experiment, none where it has no such stage.

    stage: or "gated", the last one that counts by held-back videos.
    """

    def paths(wildcards):
        require_truth(wildcards.dataset)
        experiment = experiment_of(wildcards)
        untested = pick == "best-on-test" and not experiment.best_on_test
        if untested or (stage == "gated" and experiment.gate != "auto"):
            return []
        folders = detections_of(wildcards.dataset, experiment, stage, pick)
        return [f"{folder}/evaluation-{experiment.evaluation}/map.json" for folder in folders]

    return paths


def gate_file(wildcards):
    """An input function: the gate.json of an experiment that asks held-back videos, else none."""
    experiment = experiment_of(wildcards)
    return gate_of(wildcards.dataset, experiment) if experiment.gate == "auto" else []


def none_held_back(wildcards):
    """A params function: the option that says that an experiment's gate or events lack videos to hold back."""
    experiment = CONFIG.experiment(getattr(wildcards, "experiment", "default"))
    entry, copy = CONFIG.origin(wildcards.dataset)
    gated = experiment.gate == "auto" and experiment.stage2 is not None
    needs = experiment.supervision == "points" and (gated or experiment.events)
    return "--none-held-back" if needs and not copy and not can_hold_back(entry) else ""


def gate_of(dataset, variants):
    """The gate.json of some variants of the steps, in the first seed's run on held-back training videos.

    A copy of a data set has that of the data set itself (`decision_holds`).
    """
    entry, _ = CONFIG.origin(dataset)
    return (
        f"results/{entry}-{settings.HELD_BACK_COPY}/last/seed{CONFIG.seeds[0]}/stage1-{variants.stage1}/proposals-"
        f"{variants.proposals}/stage2-{variants.stage2}/{gated_of(variants)}/gate.json"
    )


def last_stage(experiment):
    """The last stage of an experiment that counts; "gated": the one that held-back videos say."""
    if experiment.stage2 is None or experiment.gate == "off":
        return "stage1"
    if experiment.gate == "auto":
        return "gated"
    return "stage2" if experiment.stage3 is None else "stage3"


def counted_stages(experiment):
    """Pairs: the stages of an experiment up to the last one that counts, and whose detections each has.

    Where that is "gated", the experiment's last stage has these.
    """
    stages = [stage for stage in methods.STAGES if getattr(experiment, stage)]
    last = last_stage(experiment)
    if last == "gated":
        return list(zip(stages, [*stages[:-1], last]))
    return [(stage, stage) for stage in stages[: stages.index(last) + 1]]


def qualities(stage, pick):
    """An input function: the quality of a stage's reliable proposals, where an experiment's tables show it."""

    def paths(wildcards):
        if getattr(wildcards, "experiment", "default") in CONFIG.ablated():
            return []
        folders, experiment = runs_of(wildcards, stage, pick)
        if experiment.supervision != "points":  # reliable proposals hold a point
            return []
        if stage == "stage2":
            folders = [f"{folder}/detection-{experiment.detection}" for folder in folders]
        return [f"{folder}/reliable-quality.json" for folder in folders]

    return paths


def records(wildcards):
    """An input function: what the models of an experiment were trained on, a file per model."""
    paths = []
    for pick in ("last", "best-on-test"):
        folders, _ = runs_of(wildcards, "stage1", pick)
        paths += [f"{os.path.dirname(folder)}/model.json" for folder in folders]
        for stage in ("stage2", "stage3"):
            folders, _ = runs_of(wildcards, stage, pick)
            paths += [f"{folder}/model.json" for folder in folders]
    return paths


def corrected_map(wildcards):
    """An input function: the map.json of the experiment that an ablation is of."""
    experiment = getattr(wildcards, "experiment", None)
    return os.path.join("results", wildcards.dataset, experiment or "", "map.json")


def ablation_maps(wildcards):
    """An input function: the map.json of every other experiment of an ablation."""
    experiment = getattr(wildcards, "experiment", "default")
    names = [name for name, of in CONFIG.ablated().items() if of.experiment == experiment]
    if not names:
        stop(
            f"{os.path.dirname(corrected_map(wildcards))}/ablation.json: `ablation.{experiment}` in the "
            "configuration is empty"
        )
    return [f"results/{wildcards.dataset}/{name}/map.json" for name in names]


def final_model(stage):
    """An input function: the model of a stage that goes into the data set's model.pt; none where it does not count.

    It is of the default experiment and the first seed, at the end of training.
    """

    def path(wildcards):
        folders, experiment = runs_of(wildcards, stage, "last")
        if stage == "stage1":
            return f"{os.path.dirname(folders[0])}/model.pt"
        return [f"{folder}/model.pt" for folder in folders[:1] if last_stage(experiment) != "stage1"]

    return path


def bundled_settings(wildcards):
    """A params function: the settings that the data set's model.pt holds beside the networks, as options."""
    experiment = CONFIG.experiment("default")
    steps = {
        step: CONFIG.step(wildcards.dataset, step, getattr(experiment, step, None))
        for step in ("features", "proposals", "detection")
    }
    layout, names = training_layout(wildcards.dataset)
    bundled = settings.Prediction(**steps, layout=layout, names=names)
    return shlex.join(["--settings", settings.canonical(bundled)])


def calibrated_settings(wildcards):
    """A params function: the same, and how events are listed."""
    return f"{bundled_settings(wildcards)} {events_of(wildcards)}"


def training_layout(dataset):
    """How the features of a data set lie, and what is no part of its videos' names.

    Those that are made of videos: as extract_features.py writes them.
    """
    origin, _ = CONFIG.origin(dataset)
    entry = CONFIG.datasets[origin]
    if isinstance(entry.features, settings.Videos):
        return "flat", settings.AS_THEY_ARE
    return entry.features.layout, entry.names


def first_detections(wildcards):
    """An input function: the first seed's detections of the default experiment's last stage."""
    require_truth(wildcards.dataset)
    return last_detections(wildcards.dataset)[0]


def last_detections(dataset, name="default"):
    """The detections of the last stage of an experiment, a file per seed."""
    experiment = experiment_for(dataset, name)
    folders = detections_of(dataset, experiment, last_stage(experiment), "last")
    return [f"{folder}/detections.json" for folder in folders]


# The list of events.


def events_of(wildcards):
    """A params function: how events are listed, as options."""
    return shlex.join(["--events", settings.canonical(CONFIG.step(wildcards.dataset, "events"))])


def measured_events_of(wildcards):
    """A params function: the same, and what they are scored with."""
    experiment = experiment_of(wildcards)
    evaluation = CONFIG.step(wildcards.dataset, "evaluation", experiment.evaluation)
    options = [f"--exclude={names_in_csv(dataset_of(wildcards).exclude)}"]
    if evaluation.ignore_ambiguous:
        options.append("--ignore-ambiguous")
    return f"{events_of(wildcards)} {shlex.join(options)}"


def held_back(wildcards):
    """The copy of a data set whose test split is held-back training videos, scored with their points alone."""
    dataset, name = wildcards.dataset, settings.HELD_BACK_COPY
    entry, copy = CONFIG.origin(dataset)
    if copy:
        stop(f"{dataset}: is a copy, whose events nothing calibrates; ask for those of {entry}")
    if not CONFIG.holds_points_back:
        stop(f"copies.{name}: calibrates events; expected {{held_back: 0.25, truth: points}}, as by default")
    require_times(dataset)
    if not can_hold_back(entry):
        stop(
            f"data set {entry}: fewer than two training videos have points, so that none can be held back; "
            "add points of another to calibrate events"
        )
    return f"{dataset}-{name}"


def held_back_points(wildcards):
    """An input function: the points of held-back videos, as annotations."""
    return f"results/{held_back(wildcards)}/test/annotations.json"


def held_back_detections(wildcards):
    """An input function: the first seed's detections on held-back videos, of an experiment's last stage."""
    return last_detections(held_back(wildcards), getattr(wildcards, "experiment", "default"))[0]


def listed_detections(wildcards):
    """An input function: the first seed's detections on the test videos, of an experiment's last stage."""
    return last_detections(wildcards.dataset, getattr(wildcards, "experiment", "default"))[0]


def measured_detections(wildcards):
    """An input function: the detections of every seed on the test videos, of an experiment's last stage."""
    require_truth(wildcards.dataset)
    return last_detections(wildcards.dataset, getattr(wildcards, "experiment", "default"))


def measured_events(wildcards):
    """An input function: how good an experiment's events are, where it says `events`; a copy has none."""
    return events_quality(wildcards.dataset, getattr(wildcards, "experiment", "default"))


def events_quality(dataset, name):
    """The file that says how good the events of an experiment are; [] where it lists none.

    None of a copy, without points as supervision, or where no video can be held back.
    """
    experiment, (entry, copy) = CONFIG.experiment(name), CONFIG.origin(dataset)
    lists = experiment.events and experiment.supervision == "points" and not copy
    if not lists or not can_hold_back(entry):
        return []
    return os.path.join("results", dataset, "" if name == "default" else name, "events-quality.json")


# The report.


def reported_files(wildcards):
    """The files that a data set's report shows, by experiment: of the models of `last`.

    Evaluations are of every seed, all else is of the first one.
    """
    require_truth(wildcards.dataset)
    experiments = {}
    for name in CONFIG.report.experiments:
        experiment, stages = experiment_for(wildcards.dataset, name), {}
        for stage, counted in counted_stages(experiment):
            folder, *_ = folders_of(wildcards.dataset, experiment, stage, "last")
            detections = detections_of(wildcards.dataset, experiment, counted, "last")
            if experiment.supervision != "points" or stage == "stage3":  # reliable proposals hold a point
                reliable = []
            elif stage == "stage1":
                reliable = f"{folder}/train/reliable.json"
            else:
                reliable = f"{folder}/detection-{experiment.detection}/train/reliable.json"
            stages[stage] = {
                "maps": [f"{each}/evaluation-{experiment.evaluation}/map.json" for each in detections],
                "record": f"{os.path.dirname(folder) if stage == 'stage1' else folder}/model.json",
                "detections": f"{detections[0]}/detections.json",
                "reliable": reliable,
            }
        first, *_ = folders_of(wildcards.dataset, experiment, "stage1", "last")
        experiments[name] = {
            "scores": {split: f"{os.path.dirname(first)}/{split}/scores.h5" for split in settings.SPLITS},
            "proposals": f"{first}/test/proposals.json",
            "stages": stages,
            "events": events_quality(wildcards.dataset, name),
            "gate": gate_of(wildcards.dataset, experiment) if experiment.gate == "auto" else [],
        }
    return experiments


def report_inputs(wildcards):
    """An input function: all of `reported_files`, each once."""

    def paths(part):
        if isinstance(part, str):
            return [part]
        return [path for each in (part.values() if isinstance(part, dict) else part) for path in paths(each)]

    return list(dict.fromkeys(paths(reported_files(wildcards))))


def report_of(wildcards):
    """A params function: the files of a report's experiments, how they are scored, and what it plays, as JSON."""
    experiments = reported_files(wildcards)
    for name, files in experiments.items():
        variant = CONFIG.experiment(name).evaluation
        files["evaluation"] = CONFIG.step(wildcards.dataset, "evaluation", variant).model_dump()
    return json.dumps(
        {
            "experiments": experiments,
            "exclude": dataset_of(wildcards).exclude,
            "seeds": CONFIG.seeds,
            "videos": CONFIG.report.videos or "",
        }
    )


def own_videos(wildcards):
    """A resource: the folder of the videos that features are made of; empty where they are not."""
    entry = dataset_of(wildcards)
    return (
        str(Path(entry.root) / entry.features.folder) if isinstance(entry.features, settings.Videos) else ""
    )


# What labels are worth.


def compared_labels(dataset):
    """The labels of a data set's training videos that are compared, as report/worth.py has them.

    Shares of the default experiment's, in copies that change nothing else; the experiments with another
    supervision, but for segments where there are none; and the data sets of the same videos by other points.
    """
    shares = [
        (f"{100 * copy.labelled:g} %", f"{dataset}-{name}")
        for name, copy in CONFIG.copies.items()
        if copy.labelled < 1 and copy == settings.Copy(labelled=copy.labelled)
    ]
    labels = [labels_of_run("shares", name, of, "default") for name, of in [*shares, ("100 %", dataset)]]
    for name, experiment in CONFIG.experiments.items():
        kind = experiment.supervision
        if kind == "videos" or (kind == "segments" and has_segments(dataset)):
            labels.append(labels_of_run(kind, name, dataset, name))
    for name in CONFIG.datasets:
        if name != dataset and recordings_of(name) == recordings_of(dataset):
            labels.append(labels_of_run("others", name, name, "default"))
    return labels


def recordings_of(dataset):
    """A data set's entry but for its points, its variants and where to get it: which videos, and how they are read."""
    return CONFIG.datasets[dataset].model_dump(exclude={"points", "variants", "source", "fetch"})


def labels_of_run(group, name, dataset, experiment):
    """Some labels, by the data set that has them and the experiment that learns from them."""
    folder = "" if experiment == "default" else experiment
    return {
        "group": group,
        "name": name,
        "supervision": CONFIG.experiment(experiment).supervision,
        "stage": last_stage(experiment_for(dataset, experiment)),
        "map": os.path.join("results", dataset, folder, "map.json"),
        "annotations": f"results/{dataset}/train/annotations.json",
    }


def compared_files(wildcards):
    """An input function: what `compared_labels` names, each once."""
    labels = compared_labels(wildcards.dataset)
    return list(dict.fromkeys(each[key] for each in labels for key in ("map", "annotations")))


def compared_settings(wildcards):
    """A params function: the labels that are compared and what they cost, as JSON."""
    labels = compared_labels(wildcards.dataset)
    return json.dumps({"seconds": CONFIG.labelling.model_dump(), "labels": labels})
