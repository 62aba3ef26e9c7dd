"""Where things lie, and what of the configuration each rule sees. Functions alone, no rules."""

import json
import os
import sys
from pathlib import Path

HOME = Path(workflow.basedir)
sys.path[:0] = [str(HOME / "workflow"), str(HOME / "workflow" / "scripts")]

import digest
from hrpro import annotations, config as settings, features
from hrpro.errors import InputError

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
LOGS = "logs/{dataset}/{pick}/seed{seed}/stage1-{stage1}"
DEMO = "results/demo/data"


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
    stage1=f"{variants_of('stage1')}|{settings.FLOOR}",
    proposals=variants_of("proposals"),
    stage2=variants_of("stage2"),
    detection=variants_of("detection"),
    evaluation=variants_of("evaluation"),


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


def test_settings(wildcards):
    """What a test during training needs: the settings of the steps after it, as JSON.

    They are those of the experiment that asks for it; the configuration admits one a stage-1 variant.
    """
    experiments = CONFIG.experiments.values()
    tested = [one for one in experiments if one.best_on_test and one.stage1 == wildcards.stage1]
    if not tested:
        stop(f"no experiment with best_on_test has the stage-1 variant {wildcards.stage1}; add one")
    steps = {
        step: CONFIG.step(wildcards.dataset, step, getattr(tested[0], step)).model_dump()
        for step in ("proposals", "detection", "evaluation")
    }
    return json.dumps(steps, sort_keys=True)


def experiment_of(wildcards):
    """The experiment that a map.json is of."""
    return getattr(wildcards, "experiment", "default")


def of_seeds(stage, pick, file):
    """An input function: a stage's file for every seed of an experiment, none where it has no such stage."""

    def files_of(wildcards):
        chosen = CONFIG.experiment(experiment_of(wildcards))
        if pick == "best-on-test" and not chosen.best_on_test:
            return []
        if stage == "stage2" and chosen.stage2 is None:
            return []
        if file in QUALITY.values() and experiment_of(wildcards) in CONFIG.ablations():
            return []  # its tables do not show it
        path = f"{FOLDERS[stage]}/{file}"
        steps = {step: getattr(chosen, step) for step in settings.STEPS}
        return [
            path.format(dataset=wildcards.dataset, pick=pick, seed=seed, **steps) for seed in CONFIG.seeds
        ]

    return files_of


FOLDERS = {"stage1": PROPOSALS, "stage2": STAGE2}
# Stage 2's reliable proposals lie beside its detections, for these settings make them too.
QUALITY = {"stage1": "reliable-quality.json", "stage2": f"{DETECTION}/reliable-quality.json"}
GATHERED = {
    "stage1_last": of_seeds("stage1", "last", f"{EVALUATION}/map.json"),
    "stage2_last": of_seeds("stage2", "last", f"{EVALUATION}/map.json"),
    "stage1_best": of_seeds("stage1", "best-on-test", f"{EVALUATION}/map.json"),
    "stage2_best": of_seeds("stage2", "best-on-test", f"{EVALUATION}/map.json"),
    "stage1_last_reliable": of_seeds("stage1", "last", QUALITY["stage1"]),
    "stage2_last_reliable": of_seeds("stage2", "last", QUALITY["stage2"]),
    "stage1_best_reliable": of_seeds("stage1", "best-on-test", QUALITY["stage1"]),
    "stage2_best_reliable": of_seeds("stage2", "best-on-test", QUALITY["stage2"]),
}


def ablation_maps(wildcards):
    """An input function: the map.json of every experiment of the ablation beside the default."""
    if not CONFIG.ablation:
        stop(f"results/{wildcards.dataset}/ablation.json: `ablation` in the configuration is empty")
    return [f"results/{wildcards.dataset}/{name}/map.json" for name in CONFIG.ablations()]


def evaluation_of(wildcards):
    """The settings of an evaluation."""
    return CONFIG.step(wildcards.dataset, "evaluation", wildcards.evaluation)


def ambiguous_truth(wildcards):
    """An input function: the annotations, only where detections on ambiguous segments are dropped."""
    chosen = CONFIG.step(wildcards.dataset, "detection", wildcards.detection)
    return [f"results/{wildcards.dataset}/annotations.json"] if chosen.drop_ambiguous else []


def source(*names):
    """An input function: files under the data set's root, which must be there before a job starts."""

    def sources(wildcards):
        paths = [Path(dataset_of(wildcards).root) / name for name in names]
        return checked(wildcards.dataset, paths)

    return sources


def feature_files(wildcards):
    """An input function: the splits and the .npy file of each video that they list."""
    root = Path(dataset_of(wildcards).root)
    if str(root) == DEMO:
        return [DEMO]
    lists = checked(
        wildcards.dataset,
        [root / annotations.split_file(split) for split in ("train", "test")],
    )
    try:
        splits = annotations.read_splits(root)
    except InputError as error:
        stop(error)
    files = [features.feature_file(root, split, video) for split, names in splits.items() for video in names]
    return lists + checked(wildcards.dataset, files)


def ambiguous_file(wildcards):
    """An input function: the data set's list of ambiguous segments, if it has one."""
    path = dataset_of(wildcards).ambiguous
    return checked(wildcards.dataset, [Path(path)]) if path else []


def checked(dataset, paths):
    """The paths as text; a root that the workflow makes is one input, its folder."""
    if CONFIG.datasets[dataset].root == DEMO:
        return [DEMO]
    require(dataset, paths)
    return [str(path) for path in paths]


def require(dataset, paths):
    """Stop before any job if a file of a data set is missing, and say what belongs where."""
    missing = [path for path in paths if not path.is_file()]
    if not missing:
        return
    entry = CONFIG.datasets[dataset]
    others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    stop(
        f"data set {dataset}: no file {missing[0]}{others}. Put into {entry.root}/ (HR-Pro layout): "
        "gt_full.json, split_train.txt, split_test.txt, point_labels/point_gaussian.csv and "
        f"features/{{train,test}}/<video>.npy. {entry.source}".rstrip()
    )
