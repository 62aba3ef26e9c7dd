"""What makes a job run again: that the key of what it makes (workflow/lineage.py) is another one.

Snakemake keeps each job's params with its outputs, the key among them, and runs a job again when they change.
It would also run one because one before it has run, or because a file has a new date; so an input that is
there and has the key that it should have is handed to the jobs that read it as a source, without a past.
"""

import importlib.metadata
import logging
from contextlib import suppress

import yaml
from snakemake.io import IOFile
from snakemake.settings.types import DeploymentMethod

import digest
from lineage import BEST, At, Lineage, at, key

# What a file is called in Lineage, and what a job makes together.
NAMES = {
    DEMO: "demo",
    ANNOTATIONS: "annotations",
    POINTS: "points",
    EXTRACTED: "extracted",
    FEATURES: "features",
    MODEL1: "stage1",
    SCORES: "scores",
    MODEL2: "stage2",
    MODEL: "bundle",
} | dict.fromkeys([POSITIVE, RELIABLE, NEGATIVE, CANDIDATES], "proposals")
TOGETHER = {
    "proposals": [POSITIVE, RELIABLE, NEGATIVE, CANDIDATES],
    "copy": [ANNOTATIONS, POINTS, FEATURES],
}
CONDA_NAMES = {"pytorch": "torch"}  # where a package has another name there

logging.getLogger("hrpro").addHandler(logging.NullHandler())  # what is odd in the data is the steps' to say


def code_of(rule):
    """The digest of a rule's command, of its script with all that it imports, and of its software."""
    found = workflow.get_rule(rule)
    ran = Path(found.resources["script"].raw).name
    return key(found.shellcmd, digest.of(ran), software(HOME / "envs" / Path(found.conda_env).name))


def software(environment):
    """The versions of a conda environment's packages: as installed here or, where it is used, as pinned."""
    used = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
    versions = {}
    for pin in yaml.safe_load(environment.read_text())["dependencies"]:
        name, version = pin.split("=")
        if not used:
            # python itself is no package; and where Snakemake runs apart from the steps, the pins have to do
            with suppress(importlib.metadata.PackageNotFoundError):
                version = importlib.metadata.version(CONDA_NAMES.get(name, name))
        versions[name] = version.partition("+")[0]  # the same release for a CPU and for a GPU
    return versions


def forced_of(rule):
    """As `code_of`, but like nothing that is there where --forcerun names the rule."""
    return key("forced", code_of(rule)) if rule in workflow.dag_settings.forcerun else code_of(rule)


MEMORY = Path(".snakemake/sources.json")
LINEAGE = Lineage(CONFIG, code_of, {DEMO: "make_demo"}, MEMORY)
# What has to be there already for a job not to run.
WANTED = Lineage(CONFIG, forced_of, {DEMO: "make_demo"}, MEMORY)


def lineage(name, *given, of=LINEAGE):
    """What Lineage says; faults of the data set end the run with one line."""
    if isinstance(given[0], At):
        fetch_missing(CONFIG.origin(given[0].dataset)[0])
    try:
        return getattr(of, name)(*given)
    except FileNotFoundError:
        dataset = given[0].dataset if isinstance(given[0], At) else given[0]
        feature_files(At(CONFIG.origin(dataset)[0]))  # says which
        raise
    except InputError as error:
        stop(error)


def key_of(name):
    """A params function: the key of what a job makes, by its name in Lineage."""
    return lambda wildcards: lineage(name, at(**wildcards))


def made(pattern):
    """An input function: a file of results/ that another job makes."""

    def path(wildcards):
        place = at(**wildcards)
        copied = pattern in TOGETHER["copy"] and CONFIG.origin(place.dataset)[1] is not None
        return as_input("copy" if copied else NAMES[pattern], pattern, place)

    return path


def as_input(name, pattern, place):
    """A file as an input, by its key's name in Lineage and the place At that fills its pattern."""
    together = [other.format(**place._asdict()) for other in TOGETHER.get(name, [pattern])]
    if name == "copy":  # its features are links into those of its parent
        together.append(FEATURES.format(dataset=CONFIG.origin(place.dataset)[0]))
    return settled(pattern.format(**place._asdict()), together, lambda: lineage(name, place, of=WANTED))


def settled(path, together, key_now):
    """A path as an input: without a past if it and all that is made with it are there, of the key it has now.

    Where Snakemake keeps no record of it, as with results copied from elsewhere, it is believed.
    """
    chosen, records = workflow.dag_settings, workflow.persistence
    rules = {rule.name for rule in workflow.rules}
    forced = chosen.forceall or chosen.forcetargets or not rules.issuperset(chosen.forcerun)
    # reports and graphs show the whole past, and the hashes of Snakemake's cache run through it
    whole = CACHED or workflow.execution_settings is None
    if forced or whole or not all(map(os.path.exists, together)):
        return path
    # what a killed run was about to make may be there without its record, or with that of the file before it
    if records._filter_incomplete_keys(together):
        return path
    recorded = records.params(IOFile(path))
    if recorded is None:
        return ancient(path)
    if repr(key_now()) not in recorded:
        return path
    # a target may be made anew for Snakemake's own reasons, and then before what reads it
    return ancient(path) if path in chosen.targets else ancient(before_update(path))


def lengths_of(wildcards):
    """An input function: the features, where they say how long the training videos are."""
    label_files(wildcards)  # a missing file is said first
    measured = lineage("measured_by_features", wildcards.dataset)
    return [made(FEATURES)(wildcards)] if measured else []


def truth_to_score(wildcards):
    """An input function: the annotations, where test videos have some."""
    label_files(wildcards)
    lineage("check_truth", wildcards.dataset)
    return made(ANNOTATIONS)(wildcards)


def detections_of(wildcards):
    """An input function: the detections of either stage."""
    place = at(**wildcards)
    stage = "stage1" if place.stage2 is None else "stage2"
    return as_input("detections", f"{FOLDERS[stage]}/{DETECTION}/detections.json", place)


def reliable_of(wildcards):
    """An input function: the reliable proposals of either stage."""
    place = at(**wildcards)
    return (
        as_input("proposals", RELIABLE, place)
        if place.stage2 is None
        else as_input("refined", REFINED, place)
    )


def ambiguous_truth(wildcards):
    """An input function: the annotations, only where detections on ambiguous segments are dropped."""
    chosen = CONFIG.step(wildcards.dataset, "detection", wildcards.detection)
    return [made(ANNOTATIONS)(wildcards)] if chosen.drop_ambiguous else []


def final(pattern):
    """An input function: the model of a stage that goes into the data set's model.pt; none of no stage 2."""

    def path(wildcards):
        run = lineage("final", wildcards.dataset)
        skipped = pattern == MODEL2 and run.stage2 is None
        return [] if skipped else [as_input(NAMES[pattern], pattern, run)]

    return path


def new_files(wildcards):
    """An input function: the files of features that a prediction is for."""
    found = lineage("new_videos", wildcards.new).values()
    return [ancient(str(path)) for path in layouts.files_of(found)]


def parent(pattern):
    """An input function: a file of the data set that a copy is made of."""
    return lambda wildcards: made(pattern)({"dataset": wildcards.parent})


def experiment_of(wildcards):
    """The experiment that a map.json is of."""
    return getattr(wildcards, "experiment", "default")


def evaluated(stage, pick):
    """An input function: a stage's map.json for every seed of an experiment, none where it has no such stage."""

    def maps(wildcards):
        runs = lineage("runs", wildcards.dataset, experiment_of(wildcards), stage, pick)
        return [as_input("evaluation", EVALUATED[stage], run) for run in runs]

    return maps


def measured(stage, pick):
    """An input function: the quality of a stage's reliable proposals, where an experiment's tables show it."""

    def qualities(wildcards):
        experiment = experiment_of(wildcards)
        runs = (
            lineage("runs", wildcards.dataset, experiment, stage, pick)
            if lineage("measured", experiment)
            else []
        )
        return [as_input("quality", MEASURED[stage], run) for run in runs]

    return qualities


def result_key(wildcards):
    """A params function: the key of an experiment's map.json."""
    return lineage("result", at(wildcards.dataset), experiment_of(wildcards))


def result_of(experiment):
    """An input function: the map.json of an experiment, for the ablation."""

    def path(wildcards):
        pattern = RESULT if experiment == "default" else RESULT_OF
        result = pattern.format(dataset=wildcards.dataset, experiment=experiment)
        return settled(
            result, [result], lambda: lineage("result", at(wildcards.dataset), experiment, of=WANTED)
        )

    return path


def ablation_maps(wildcards):
    """An input function: the map.json of every experiment of the ablation beside the default."""
    if not CONFIG.ablation:
        stop(f"results/{wildcards.dataset}/ablation.json: `ablation` in the configuration is empty")
    return [result_of(name)(wildcards) for name in CONFIG.ablations()]
