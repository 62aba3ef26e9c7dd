"""What all rules see of the configuration: settings, code, resources. Functions alone."""

import importlib.metadata
import json
import logging
import os
import shlex
import shutil
import sys
from contextlib import suppress
from functools import cache

import h5py
import yaml
from snakemake.settings.types import DeploymentMethod

SCRIPTS = HOME / "workflow" / "scripts"
sys.path[:0] = [str(HOME / "workflow"), str(SCRIPTS)]

import command_line
import digest as code_digest
import run_plan
from hrpro import config as settings
from hrpro import methods
from hrpro.utils.errors import InputError, refused
from hrpro.utils.planned import digest
from hrpro.utils.threads import threads_that_pay

# The environment that runs Snakemake runs the steps too; a conda environment is activated over it.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]))

# Threads of the steps that do not train, passed on as they are: Snakemake's own number shrinks with --cores, rounding depends
# on it, and what a training makes of its inputs depends on rounding.
SCORING_THREADS = 2
EXTRACTION_THREADS = 4

logging.getLogger("hrpro").addHandler(logging.NullHandler())  # what is odd in the data is the steps' to say


def stop(message):
    """End with one line; a WorkflowError would add a traceback of the rules to what a user got wrong."""
    sys.exit(f"error: {message}")


if set("{}") & set(str(HOME)):
    stop(
        f"{HOME}: Snakemake takes braces for wildcards, where it needs this project's files; rename the folder"
    )

for path in workflow.config_settings.configfiles:
    if Path(path).is_relative_to(Path("results").absolute()):
        stop(
            f"--configfile {path}: is a result; targets come after --, as in --configfile mine.yaml -- TARGET"
        )

PLANNED = run_plan.begin(workflow.is_main_process)

try:
    if "configuration" not in PLANNED:
        settings.limit(config)
        for path in map(Path, workflow.configfiles):
            if path != HOME / "config" / "config.yaml" and (fault := command_line.repeated_key(path)):
                stop(fault)
    VALUES = PLANNED.get("configuration") or command_line.typed(config, workflow.config_settings.config)
    CONFIG = settings.parse(settings.Config, VALUES)
except InputError as error:
    stop(error)

# Whether steps that take long share their files with other checkouts by Snakemake's own cache (--cache).
CACHED = workflow.workflow_settings.cache is not None
CONDA_NAMES = {"pytorch": "torch"}  # where a package has another name there
# The packages of envs/ that compute: another release of one may change figures, and runs its steps again. The
# others read, write, check, draw or show: they change no figure.
COMPUTING = {"numpy", "scipy", "scikit-learn", "pytorch", "av"}

DATASETS = "|".join(CONFIG.datasets)
COPIES = "|".join(CONFIG.copies) or "none"
SEED = r"(0|[1-9]\d{0,8})"
POINTED = "last|best-on-test"  # the chains that learn from points
RANKED = f"{POINTED}|{settings.BY_SEGMENTS}"  # those that have reliable proposals
PICK = f"{RANKED}|{settings.BY_VIDEOS}"
EXPERIMENTS = [name for name in CONFIG.experiments if name != "default"] + list(CONFIG.ablated())


def variants_of(step):
    """The names of a step's variants, as a regular expression."""
    derived = [name for name, of in CONFIG.ablated().items() if step in CONFIG.changed(of.experiment, of.row)]
    return "|".join([*CONFIG.variants[step], *derived])


def steps_of(pick):
    """The folders of steps from stage 1 to the last detections of some chains, as a regular expression."""
    variants = map(variants_of, ("stage1", "proposals", "stage2", "detection", "stage3"))
    pattern = "({})/seed{}/stage1-({})/proposals-({})(/stage2-({}))?(/(detection|gated)-({})(/stage3-({}))?)?"
    return pattern.format(pick, SEED, *variants)


envvars:
    run_plan.VARIABLE,


wildcard_constraints:
    dataset=f"({DATASETS})(-({COPIES}))?",
    split="train|test",
    experiment="|".join(EXPERIMENTS) or "none",
    pick=PICK,
    seed=SEED,
    video="[^/]+",
    steps=steps_of(PICK),
    stage1=variants_of("stage1"),
    proposals=variants_of("proposals"),
    stage2=variants_of("stage2"),
    detection=variants_of("detection"),
    stage3=variants_of("stage3"),
    evaluation=variants_of("evaluation"),
    new=r"[\w-]+",


# Params: `settings`, `code` and, of what reads a data set's own files, `source`; each one string.


def settings_of(step):
    """A params function: the step's settings for the data set and the variant, as canonical JSON."""

    def settings_for(wildcards):
        variant = getattr(wildcards, step, None)
        return settings.canonical(CONFIG.step(wildcards.dataset, step, variant))

    return settings_for


def seeded(step):
    """A params function: the step's settings and the seed, as options.

    The seed is not left to {wildcards.seed}: Snakemake's cache knows a job by its params and inputs alone.
    """
    return lambda wildcards: shlex.join(
        ["--settings", settings_of(step)(wildcards), "--seed", wildcards.seed]
    )


def training_of(step):
    """A params function: as `seeded`, and of `best-on-test` also the settings of a training's tests."""

    def options(wildcards):
        words = ["--settings", settings_of(step)(wildcards), "--seed", wildcards.seed]
        words += ["--threads", str(CONFIG.threads)]  # not Snakemake's, which scales with --cores
        if wildcards.pick == "best-on-test":
            words += ["--test", test_settings(wildcards)]
        return shlex.join(words)

    return options


def third_training(wildcards):
    """A params function: as `training_of` stage 3, and what makes its segments of candidates and points."""
    if wildcards.pick == settings.BY_SEGMENTS:
        return training_of("stage3")(wildcards)
    detection = settings_of("detection")(wildcards)
    proposals = CONFIG.step(wildcards.dataset, "proposals", wildcards.proposals)
    options = ["--detection", detection, "--same-action", str(proposals.same_action)]
    return f"{training_of('stage3')(wildcards)} {shlex.join(options)}"


def test_settings(wildcards):
    """How a training is tested on the test split, as JSON."""
    try:
        test = json.loads(CONFIG.test_settings(wildcards.dataset, wildcards.stage1))
    except InputError as error:
        stop(error)
    return json.dumps(test | {"exclude": dataset_of(wildcards).exclude}, sort_keys=True)


def code_of(script, environment, *stages):
    """A params function: the digest of a step's code, and of the software of envs/<environment>.yaml.

    stages: those of which the script runs the methods that `method:` names.
    """

    def code_for(wildcards):
        modules = [module for stage in stages for module in modules_of(stage, wildcards)]
        # a training is tested by what others run without
        if getattr(wildcards, "pick", None) == "best-on-test" and script.startswith("train_"):
            modules.append("hrpro.evaluation.protocol")
        return digest(code_digest.of(scripts(), script, *modules), software(environment))

    return code_for


def modules_of(stage, wildcards):
    """The modules of a stage's method: of the variant in the wildcards, else of the default experiment's."""
    variant = getattr(wildcards, stage, getattr(CONFIG.experiment("default"), stage))
    if variant is None:  # an experiment without stage 2
        return []
    return [f"{methods.STAGES[stage][CONFIG.method(stage, variant)]}.method"]


@cache
def software(environment):
    """The versions of an environment's packages that compute: as installed or, with conda, as pinned."""
    pinned = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
    versions = {}
    for pin in yaml.safe_load((HOME / "envs" / f"{environment}.yaml").read_text())["dependencies"]:
        name, version = pin.split("=")
        if name not in COMPUTING:
            continue
        if not pinned:
            # where Snakemake runs apart from the steps, the pins have to do
            with suppress(importlib.metadata.PackageNotFoundError):
                version = importlib.metadata.version(CONDA_NAMES.get(name, name))
        versions[name] = version.partition("+")[0]  # the same release for a CPU and for a GPU
    return versions


# Resources, which do not count: where scripts and data lie, and what a job runs on.


def script(name):
    """A resource: where a script lies."""
    return lambda wildcards: str(scripts() / name)


@cache
def scripts():
    """The folder of the scripts that jobs run: a copy of the project's, so that edits reach no run under way."""
    if not workflow.is_main_process or only_planned():
        return Path(PLANNED.get("scripts", SCRIPTS))
    try:
        copy = run_plan.copied(SCRIPTS)
        run_plan.prune()
        run_plan.remember("scripts", str(copy))
        run_plan.remember("configuration", VALUES)
    except OSError as error:
        stop(refused(error))
    return copy


def training_threads(wildcards, input):
    """How many cores a training takes: with few channels one, so that others run beside it (process.start)."""
    return cores(CONFIG.threads, input.features)


def scoring_threads(wildcards, input):
    """How many cores a step takes that runs a network without training it; as `training_threads`."""
    return cores(SCORING_THREADS, input.features)


def cores(threads, features):
    """How many threads a network runs on, of so many, by a data set's features.h5."""
    try:
        with h5py.File(features, "r", locking=False) as file:
            width = file.attrs["width"]
    except (OSError, KeyError):  # not there yet; what is wrong with it, the step says
        return threads
    return threads_that_pay(threads, width)


def only_planned():
    """Whether no job is to run."""
    return workflow.execution_settings is None or workflow.dryrun


def gpus(wildcards):
    """How many GPUs a network's step takes here: 1 or 0. A cluster's profile says it by `set-resources`."""
    here = shutil.which("nvidia-smi") is not None  # to import torch would take planning as long again
    return int(CONFIG.device.startswith("cuda") or (CONFIG.device == "auto" and here))


def remove_states():
    """Remove the states of trainings whose models Snakemake has recorded; none is running any more."""
    for state in Path("results").rglob("state.pt"):
        if state.with_name("model.pt").exists():
            state.unlink()


# Inputs.


def dataset_of(wildcards):
    """The data set's entry; a copy has that of the data set that it copies."""
    entry, _ = CONFIG.origin(wildcards.dataset)
    return CONFIG.datasets[entry]


def if_tested(path):
    """An input function: a file that a training reads only where it is tested on the test split."""
    return lambda wildcards: path.format(**wildcards) if wildcards.pick == "best-on-test" else []


def supervision(wildcards):
    """An input function: the points or, of the chain `video-labels`, videos' classes; not of `segment-labels`."""
    if wildcards.pick == settings.BY_SEGMENTS:
        return []
    if wildcards.pick == settings.BY_VIDEOS:
        learns_by_videos("stage1", wildcards)
        return f"results/{wildcards.dataset}/train/labels.json"
    require_times(wildcards.dataset)
    return f"results/{wildcards.dataset}/train/points.json"


def segments(wildcards):
    """An input function: the true segments of the training videos, of the chain `segment-labels` alone."""
    if wildcards.pick != settings.BY_SEGMENTS:
        return []
    for stage in ("stage1", "stage3"):
        variant = getattr(wildcards, stage, None)
        if variant and not methods.learns_by_segments(stage, method := CONFIG.method(stage, variant)):
            stop(
                f"{wildcards.pick}: variants.{stage}.{variant} is of the method {method}, which learns from points"
            )
    require_segments(wildcards.dataset)
    return f"results/{wildcards.dataset}/train/segments.json"


def if_pointed(path):
    """An input function: a file that is read only where points supervise, not true segments."""
    return lambda wildcards: [] if wildcards.pick == settings.BY_SEGMENTS else path.format(**wildcards)


def classes_of_videos(wildcards):
    """An input function: the classes of each training video, by its points or by what takes their place."""
    return segments(wildcards) or f"results/{wildcards.dataset}/train/labels.json"


def if_ranked(path):
    """An input function: a file of ranked proposals, for a method of stage 2 that learns from them."""
    return lambda wildcards: [] if learns_by_videos("stage2", wildcards) else path.format(**wildcards)


def learns_by_videos(stage, wildcards):
    """Whether the classes of the training videos are all that a stage's method needs; else stop without points."""
    variant = getattr(wildcards, stage)
    method = CONFIG.method(stage, variant)
    able = methods.learns_by_videos(stage, method)
    if wildcards.pick == settings.BY_VIDEOS and not able:
        stop(
            f"{wildcards.pick}: variants.{stage}.{variant} is of the method {method}, which learns from points"
        )
    return able


def if_ambiguous_dropped(path):
    """An input function: a file that is read only where detections on ambiguous segments are dropped."""

    def annotations(wildcards):
        detection = CONFIG.step(wildcards.dataset, "detection", wildcards.detection)
        return path.format(**wildcards) if detection.drop_ambiguous else []

    return annotations


def if_stage3(path):
    """An input function: a file of stage 3, of a rule whose output names a variant of it."""
    return lambda wildcards: path.format(**wildcards) if hasattr(wildcards, "stage3") else []


def copy_settings(wildcards):
    """A params function: what a copy of a data set changes, as JSON."""
    return settings.canonical(CONFIG.copies[wildcards.change])


def tested_part(name):
    """An input function: the file of the split that a copy's test split is made of."""

    def path(wildcards):
        split = "train" if CONFIG.copies[wildcards.change].held_back else "test"
        return f"results/{wildcards.parent}/{split}/{name}"

    return path


def points_if_held_back(wildcards):
    """An input function: the points, by which training videos are held back for a copy's test split."""
    held_back = CONFIG.copies[wildcards.change].held_back
    return f"results/{wildcards.parent}/train/points.json" if held_back else []
