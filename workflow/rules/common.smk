"""Where things lie, and what of the configuration each rule sees. Functions alone, no rules."""

import os
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

HOME = Path(workflow.basedir)
sys.path[:0] = [str(HOME / "workflow"), str(HOME / "workflow" / "scripts")]

from hrpro import config as settings
from hrpro.data import annotations, download as fetch, layouts, points
from hrpro.utils.errors import InputError

# The environment that runs Snakemake runs the steps too; a conda environment is activated over it.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]))


def stop(message):
    """End with one line; a WorkflowError would add a traceback of the rules to what a user got wrong."""
    sys.exit(f"error: {message}")


try:
    CONFIG = settings.parse(settings.Config, config)
except InputError as error:
    stop(error)

# A step's folder lies inside the folder of the step it depends on, and its name has the variant:
# experiments that agree so far share what is there.
SEED = "results/{dataset}/{pick}/seed{seed}"
STAGE1 = f"{SEED}/stage1-{{stage1}}"
PROPOSALS = f"{STAGE1}/proposals-{{proposals}}"
STAGE2 = f"{PROPOSALS}/stage2-{{stage2}}"
DETECTION = "detection-{detection}"
EVALUATION = f"{DETECTION}/evaluation-{{evaluation}}"
FOLDERS = {"stage1": PROPOSALS, "stage2": STAGE2}  # that a stage ends in
LOGS = "logs/{dataset}/{pick}/seed{seed}/stage1-{stage1}"

# Whether steps that take long share their files with other checkouts by Snakemake's own cache (--cache).
CACHED = workflow.workflow_settings.cache is not None

# What the steps make.
DEMO = "results/demo/data"
ANNOTATIONS = "results/{dataset}/annotations.json"
POINTS = "results/{dataset}/points.json"
EXTRACTED = "results/{dataset}/extracted/{video}.npy"
FEATURES = "results/{dataset}/features.h5"
MODEL1 = f"{STAGE1}/model.pt"
SCORES = f"{STAGE1}/scores.h5"
POSITIVE = f"{PROPOSALS}/positive.json"
RELIABLE = f"{PROPOSALS}/reliable.json"
NEGATIVE = f"{PROPOSALS}/negative.json"
CANDIDATES = f"{PROPOSALS}/candidates.json"
MODEL2 = f"{STAGE2}/model.pt"
EVALUATED = {stage: f"{folder}/{EVALUATION}/map.json" for stage, folder in FOLDERS.items()}
# Stage 2's reliable proposals lie beside its detections, for these settings make them too.
REFINED = f"{STAGE2}/{DETECTION}/reliable.json"
MEASURED = {
    "stage1": f"{PROPOSALS}/reliable-quality.json",
    "stage2": f"{STAGE2}/{DETECTION}/reliable-quality.json",
}
MODEL = "results/{dataset}/model.pt"
PREDICTION = "results/{dataset}/predict/{new}"
RESULT = "results/{dataset}/map.json"
RESULT_OF = "results/{dataset}/{experiment}/map.json"

DATASETS = "|".join(CONFIG.datasets)
COPIES = "|".join(CONFIG.copies) or "none"
EXPERIMENTS = [name for name in CONFIG.experiments if name != "default"] + CONFIG.ablations()


def variants_of(step):
    """The names of a step's variants, as a regular expression."""
    rows = [row for row, steps in CONFIG.ablation.items() if step in steps]
    derived = [f"{kind}_{row}" for kind in settings.ABLATIONS for row in rows]
    return "|".join([*CONFIG.variants[step], *derived])


wildcard_constraints:
    dataset=f"({DATASETS})(-({COPIES}))?",
    experiment="|".join(EXPERIMENTS) or "none",
    pick="last|best-on-test",
    seed=r"\d+",
    video="[^/]+",
    steps=r"(last|best-on-test)/seed\d+/.+",
    stage1=f"{variants_of('stage1')}|{settings.FLOOR}",
    proposals=variants_of("proposals"),
    stage2=variants_of("stage2"),
    detection=variants_of("detection"),
    evaluation=variants_of("evaluation"),
    new=r"[\w-]+",


def script(name):
    """Where a script lies, seen from the working directory."""
    return os.path.relpath(HOME / "workflow" / "scripts" / name)


def slice_of(step):
    """A params function: the step's settings for the data set and variant, as canonical JSON."""

    def slice_for(wildcards):
        variant = getattr(wildcards, step)
        return settings.canonical(CONFIG.step(wildcards.dataset, step, variant))

    return slice_for


def dataset_of(wildcards):
    """The data set's entry; a copy has that of what it copies."""
    entry, _ = CONFIG.origin(wildcards.dataset)
    return CONFIG.datasets[entry]


def excluded(wildcards):
    """The videos that are not evaluated, a,b."""
    return ",".join(dataset_of(wildcards).exclude)


def evaluation_of(wildcards):
    """The settings of an evaluation."""
    return CONFIG.step(wildcards.dataset, "evaluation", wildcards.evaluation)


def beside(name):
    """A params function: a file or folder beside a step's output that is none of its outputs."""
    return lambda wildcards, output: os.path.join(os.path.dirname(output[0]), name)


def remove_states():
    """Remove the states of trainings whose models Snakemake has recorded; none is running any more."""
    for state in Path("results").rglob("state.pt"):
        if state.with_name("model.pt").exists():
            state.unlink()


def gpus(wildcards):
    """How many GPUs a network's step takes here: 1 or 0. A cluster's profile says it by `set-resources`."""
    here = shutil.which("nvidia-smi") is not None  # to import torch would take planning as long again
    return int(CONFIG.device.startswith("cuda") or (CONFIG.device == "auto" and here))


def label_files(wildcards):
    """An input function: the files of annotations, splits and points, which must be there before a job starts."""
    dataset, _ = CONFIG.origin(wildcards.dataset)
    entry = CONFIG.datasets[dataset]
    if entry.root == DEMO:
        return [made(DEMO)({"dataset": dataset})]  # one input, its folder
    fetch_missing(dataset)  # which files there are says which are read
    try:
        return checked(dataset, annotations.sources(entry.root, entry.labels), wanted_of(entry))
    except InputError as error:
        stop(error)


def wanted_of(entry):
    """What belongs into a data set's root, in words."""
    wanted = [entry.annotations.file or " or ".join(annotations.DEFAULTS)]
    if entry.annotations.test is None:
        lists = " and ".join(map(annotations.split_file, settings.SPLITS))
        wanted.append(f"{lists} (unless subsets of the annotations say it)")
    if not entry.points.source:
        wanted.append(entry.points.file or " or ".join(points.DEFAULTS))
    if isinstance(entry.features, settings.Videos):
        wanted.append(f"{entry.features.folder}/<video>.mp4")
    elif entry.features == settings.FeatureFiles():
        wanted.append("features/{train,test}/<video>.npy")
    else:
        wanted.append(entry.features.folder)
    return f"wanted in {entry.root}/: {', '.join(wanted)}; docs/data.md has other layouts"


def labels_of(wildcards):
    """Where the data set's annotations and points come from, as JSON."""
    return settings.canonical(dataset_of(wildcards).labels)


def ambiguous_file(wildcards):
    """An input function: the data set's list of ambiguous segments, if it has one."""
    path = dataset_of(wildcards).ambiguous
    return checked(wildcards.dataset, [Path(path)], "put it there or say `ambiguous: null`") if path else []


def features_of(wildcards):
    """Where a data set's features lie, and how; those of videos in results/, once they are extracted."""
    chosen = dataset_of(wildcards).features
    if not isinstance(chosen, settings.Videos):
        return chosen
    folder = os.path.abspath(os.path.dirname(EXTRACTED).format(dataset=wildcards.dataset))
    return settings.FeatureFiles(layout="flat", folder=folder, width=chosen.width)


def video_file(wildcards):
    """An input function: the video that features are made of."""
    path = f"results/{wildcards.dataset}/extracted/{wildcards.video}.npy"
    if not isinstance(dataset_of(wildcards).features, settings.Videos):
        stop(f"{path}: the features of data set {wildcards.dataset} are not from videos")
    films = lineage("films", wildcards.dataset)
    if wildcards.video not in films:
        stop(f"{path}: no video of the splits; extract_features.py takes others (docs/video.md)")
    return ancient(films[wildcards.video])


def weight_files(wildcards):
    """An input function: the files of the network's weights."""
    lineage("weights", wildcards.dataset)  # ends where one is missing
    return [ancient(path) for path in dataset_of(wildcards).features.files().values()]


def weight_arguments(wildcards):
    """The weights as the script takes them: rgb=FILE flow=FILE, a file or the word download."""
    given = dataset_of(wildcards).features.weights
    words = [given] if isinstance(given, str) else [f"{stream}={path}" for stream, path in given.items()]
    return shlex.join(words)


def feature_files(wildcards):
    """An input function: the splits and the files that hold the features of the videos that they list."""
    root = Path(dataset_of(wildcards).root)
    lists = label_files(wildcards)
    if str(root) == DEMO:
        return lists
    splits = lineage("splits", wildcards.dataset)
    try:
        if isinstance(dataset_of(wildcards).features, settings.Videos):
            names = [video for own in splits.values() for video in own]
            place = {"dataset": wildcards.dataset}
            return lists + [made(EXTRACTED)({**place, "video": video}) for video in names]
        sources = layouts.of_splits(root, dataset_of(wildcards).features, splits)
    except InputError as error:
        stop(error)
    paths = layouts.files_of(sources.values())
    some = any(path.is_file() for path in paths)
    remedy = "put it there or take its video out of the splits" if some else wanted_of(dataset_of(wildcards))
    return lists + checked(wildcards.dataset, paths, remedy)


def checked(dataset, paths, remedy):
    """The paths as inputs, by content alone. remedy: what is said where one of them is missing."""
    fetch_missing(dataset)
    require(dataset, paths, remedy)
    return [ancient(str(path)) for path in paths]


def require(dataset, paths, remedy):
    """Stop before any job if a file of a data set is missing, and say what to do."""
    missing = [path for path in paths if not path.is_file()]
    if not missing:
        return
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    fetched = f" `snakemake fetch_{dataset}` fetches what its entry lists." if unfetched(dataset) else ""
    source = f" {CONFIG.datasets[dataset].source}".rstrip()
    stop(f"data set {dataset}: no file {missing[0]}{more}; {remedy}.{fetched}{source}")


def unfetched(dataset):
    """What a data set's entry lists to fetch and is not there."""
    entry = CONFIG.datasets[dataset]
    try:
        return [remote for remote in entry.fetch if not fetch.is_there(entry.root, remote)]
    except InputError as error:
        stop(error)


@cache
def fetch_missing(dataset):
    """With `--config fetch=true`, fetch what a data set's entry lists if any of it is not there.

    What jobs there are, and their keys, depends on what the files say; so they are fetched while the
    workflow is planned, before the first of them is read, and never where it is only planned.
    """
    only_planned = workflow.execution_settings is None or workflow.dryrun
    if not CONFIG.fetch or only_planned or not unfetched(dataset):
        return
    entry = CONFIG.datasets[dataset]
    print(f"data set {dataset}: fetching what is missing", file=sys.stderr, flush=True)
    command = [sys.executable, HOME / "workflow" / "scripts" / "fetch.py", "--root", entry.root]
    wanted = ["--settings", *map(settings.canonical, entry.fetch), "--log", f"logs/{dataset}/fetch.log"]
    if subprocess.run([*command, *wanted], check=False).returncode:
        sys.exit(1)  # it has said why
