"""What an edit makes run again: exactly the jobs that it reaches."""

import base64
import json
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml

from conftest import MINE, PROJECT, ROOT, jobs_of, run_warm, snakemake

RESULT = "results/mine/map.json"
STEP = "results/mine/last/seed0/stage1-default"

GATHER = Counter(["gather"])
STAGE1_SHOWN = Counter(["detect_stage1", "evaluate"])
STAGE2_DETECTED = Counter(["detect_stage2", "evaluate"])
REFINED = Counter(["refine_reliable", "measure_reliable"])
STAGE3_DETECTED = Counter(["detect_stage3", "evaluate"])
# stage 2's detections and what stage 3 makes of them
SHOWN = STAGE2_DETECTED + STAGE3_DETECTED
FROM_STAGE3 = Counter(["train_stage3"]) + STAGE3_DETECTED
FROM_STAGE2 = Counter(["train_stage2"]) + STAGE2_DETECTED + REFINED + FROM_STAGE3
RANKED = Counter(["propose_training", "rank_proposals", "measure_reliable"])
POINTED = Counter(["convert_points", "label_videos"])
FROM_PROPOSALS = RANKED + Counter(["propose_test"]) + STAGE1_SHOWN + FROM_STAGE2
FROM_STAGE1 = Counter(["train_stage1", "score_snippets", "score_snippets"]) + FROM_PROPOSALS
EVALUATED = Counter({"evaluate": 3})
# what comes of the test split's features: no training
TESTED = Counter(["score_snippets", "propose_test"]) + STAGE1_SHOWN + SHOWN
# the chain without the held-back videos, up to what it says of stages 2 and 3, and what comes of that
CHAIN_HELD_BACK = Counter(
    ["train_stage1", "score_snippets", "score_snippets", "propose_training", "rank_proposals", "propose_test"]
) + Counter(
    ["train_stage2", "train_stage3", "detect_stage1", "detect_stage2", "detect_stage3", "gate_stage3"]
)
HELD_BACK = Counter(["copy_training_split", "copy_test_split", "label_videos"]) + CHAIN_HELD_BACK
GATED = Counter(["detect_gated_stage3", "evaluate"])
LISTED = Counter(["calibrate_events", "measure_events"])
NOTHING = Counter()
STEPS = ("features", "stage1", "proposals", "stage2", "detection", "stage3", "evaluation")


@pytest.fixture
def folder(finished_run, tmp_path) -> Path:
    """A copy of the finished run to edit, dates included."""
    return shutil.copytree(finished_run, tmp_path / "run")


def write_config(folder, values: dict) -> None:
    (folder / "extra.yaml").write_text(yaml.safe_dump(values))


def planned(folder, *targets, snakefile="Snakefile", packages=None) -> Counter:
    """The jobs that would run, by rule."""
    plan = [ROOT / "tests" / "plan.py", snakefile, "extra.yaml", *(targets or [RESULT])]
    return jobs_of(run_warm(*plan, cwd=folder, environment={"PACKAGES": json.dumps(packages or {})}))


def configured(changes: dict):
    """An edit: keys, dotted, of the data set's settings or of the whole configuration."""

    def edit(folder):
        values = json.loads(json.dumps(MINE))
        for place, value in changes.items():
            top = place.split(".")[0]
            at = values["datasets"]["mine"]["settings"] if top in STEPS else values
            *parents, last = place.split(".")
            for key in parents:
                at = at.setdefault(key, {})
            at[last] = value
        write_config(folder, values)

    return edit


def replaced(file: str, old: str, new: str):
    """An edit of a file's text."""

    def edit(folder):
        path = folder / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))

    return edit


def touched(*files: str):
    """New dates for files, their contents unchanged."""

    def edit(folder):
        for pattern in files:
            found = list(folder.glob(pattern))
            assert found
            for path in found:
                path.touch()

    return edit


def removed(*files: str):
    """Files taken away."""

    def edit(folder):
        for file in files:
            (folder / file).unlink()

    return edit


def feature(split: str):
    """One value of one feature file changed."""

    def edit(folder):
        path = folder / f"data/features/{split}/demo_{split}_001.npy"
        array = np.load(path)
        array[0, 0] += 1
        np.save(path, array)

    return edit


def annotation(split: str):
    """The end of one action of a video moved."""

    def edit(folder):
        path = folder / "data/gt_full.json"
        truth = json.loads(path.read_text())
        truth["database"][f"demo_{split}_000"]["annotations"][0]["segment"][1] += 0.1
        path.write_text(json.dumps(truth))

    return edit


def point(folder):
    """One point moved by a second."""
    path = folder / "data/point_labels/point_gaussian.csv"
    header, first, *rest = path.read_text().splitlines()
    cells = first.split(",")
    column = header.split(",").index("point")
    cells[column] = str(float(cells[column]) + 30)
    path.write_text("\n".join([header, ",".join(cells), *rest]) + "\n")


def of_one_video(folder):
    """The points of one video alone."""
    path = folder / "data/point_labels/point_gaussian.csv"
    header, *rows = path.read_text().splitlines()
    column = header.split(",").index("video_id")
    first = rows[0].split(",")[column]
    path.write_text("\n".join([header, *(row for row in rows if row.split(",")[column] == first)]) + "\n")


def both(*edits):
    """Edits one after the other."""

    def edit(folder):
        for one in edits:
            one(folder)

    return edit


def moved(folder):
    """The data at another place."""
    (folder / "data").rename(folder / "elsewhere")
    values = json.loads(json.dumps(MINE))
    values["datasets"]["mine"]["root"] = "elsewhere"
    write_config(folder, values)


def flattened(folder):
    """The same features in one folder for both splits."""
    for path in folder.glob("data/features/*/*.npy"):
        path.rename(folder / "data/features" / path.name)


def reordered(folder):
    """The training split's list turned round."""
    path = folder / "data/split_train.txt"
    path.write_text("\n".join(reversed(path.read_text().split())) + "\n")


def relabelled(folder):
    """The same splits by subsets, from an annotation file of another name."""
    removed("data/split_train.txt", "data/split_test.txt")(folder)
    (folder / "data/gt_full.json").rename(folder / "data/annotations.json")


MODULES = "workflow/scripts/hrpro/"
CASES = {
    "nothing": (lambda folder: None, NOTHING),
    "stage 1's learning rate": (configured({"stage1.learning_rate": 0.002}), FROM_STAGE1 + GATHER),
    "two values of stage 1 swapped": (
        configured({"stage1.dropout": 0.3, "stage1.block_dropout": 0.5}),
        FROM_STAGE1 + GATHER,
    ),
    "a setting of stage 2": (configured({"stage2.dropout": 0.4}), FROM_STAGE2 + GATHER),
    "a proposal threshold": (configured({"proposals.class_score": 0.3}), FROM_PROPOSALS + GATHER),
    "fusion": (
        configured({"detection.fusion": "sum"}),
        STAGE1_SHOWN + STAGE2_DETECTED + REFINED + FROM_STAGE3 + GATHER,
    ),
    "a setting of stage 3": (configured({"stage3.radius": 2.0}), FROM_STAGE3 + GATHER),
    "no stage 3": (configured({"experiments.default.stage3": None}), GATHER),
    "evaluation thresholds": (configured({"evaluation.tiou": [0.5, 0.75]}), EVALUATED + GATHER),
    "a seed added": (configured({"seeds": [0, 1]}), FROM_STAGE1 + GATHER),
    "a gate": (configured({"experiments.default.gate": "auto"}), HELD_BACK + GATED + GATHER),
    "a gate without stage 3": (
        configured({"experiments.default.gate": "auto", "experiments.default.stage3": None}),
        HELD_BACK
        - Counter(["train_stage3", "detect_stage3", "gate_stage3"])
        + Counter(["gate", "detect_gated", "evaluate"])
        + GATHER,
    ),
    "events": (
        configured({"experiments.default.events": True}),
        HELD_BACK - Counter(["detect_stage1", "gate_stage3"]) + LISTED + GATHER,
    ),
    "as by default": (
        configured({"experiments": {}}),
        HELD_BACK + GATED + Counter(["detect_gated_stage3"]) + LISTED + GATHER,
    ),
    "as by default, points in one video": (
        both(configured({"experiments": {}}), of_one_video),
        POINTED + FROM_STAGE1 + GATHER,
    ),
    "as by default, without the copy that holds points back": (
        configured({"experiments": {}, "copies.held_points": None}),
        GATHER,  # whose log says so
    ),
    "points in one video": (of_one_video, POINTED + FROM_STAGE1 + GATHER),
    "a gate that is shut": (configured({"experiments.default.gate": "off"}), NOTHING),  # a table shows all
    "the device, how often a state is saved, memory": (
        configured({"device": "auto", "state_every": 5, "cache_memory": 1}),
        NOTHING,
    ),
    "a comment in config.yaml": (replaced("config/config.yaml", "# of Adam", "# Adam's"), NOTHING),
    "another data set's entry": (
        replaced("config/config.yaml", "snippet: {frames: 16, fps: 30}", "snippet: {frames: 8, fps: 30}"),
        NOTHING,
    ),
    "a comment in a module": (replaced(MODULES + "grid.py", "# Rounding of", "# The rounding of"), NOTHING),
    "a docstring in a module": (
        replaced(MODULES + "snippet/model.py", '"""The snippet network', '"""A snippet network'),
        NOTHING,
    ),
    "code of snippet/": (
        replaced(MODULES + "snippet/model.py", "F.relu(", "torch.relu("),
        FROM_STAGE1 + GATHER,
    ),
    "code of instance/": (
        replaced(MODULES + "instance/model.py", "nn.ReLU()", "nn.ELU()"),
        FROM_STAGE2 + GATHER,
    ),
    "code of pyramid/": (
        replaced(MODULES + "pyramid/model.py", "F.relu(", "torch.relu("),
        FROM_STAGE3 + GATHER,
    ),
    "code of suppression": (
        replaced(MODULES + "detection/suppression.py", "np.exp(", "np.exp(1.0 * "),
        STAGE1_SHOWN + SHOWN + GATHER,
    ),
    "code of evaluation": (
        replaced(MODULES + "evaluation/mean_ap.py", "* 100", "* 100.0"),
        EVALUATED + GATHER,
    ),
    "a rule's command": (
        replaced(
            "workflow/rules/stage2.smk",
            '" --cache-memory',
            '"  --cache-memory',
        ),
        FROM_STAGE2 + GATHER,
    ),
    "threads": (configured({"threads": 2}), FROM_STAGE1 + GATHER),
    "touched: configuration": (touched("config/config.yaml", "extra.yaml"), NOTHING),
    "touched: code": (
        touched("workflow/scripts/*.py", MODULES + "**/*.py", "workflow/rules/*.smk", "Snakefile"),
        NOTHING,
    ),
    "touched: features": (touched("data/features/*/*.npy"), NOTHING),
    "touched: annotations and points": (
        touched("data/gt_full.json", "data/split_*.txt", "data/point_labels/*.csv"),
        NOTHING,
    ),
    "touched: HDF5": (touched("results/mine/*/features.h5", f"{STEP}/*/scores.h5"), NOTHING),
    "touched: a model and proposals": (
        touched(f"{STEP}/model.pt", f"{STEP}/proposals-default/*/*.json"),
        NOTHING,
    ),
    "a feature file of the training split": (
        feature("train"),  # it decides the width of the test split's
        Counter({"convert_features": 2}) + FROM_STAGE1 + GATHER,
    ),
    "a feature file of the test split": (feature("test"), Counter(["convert_features"]) + TESTED + GATHER),
    "an annotation of the test split": (
        annotation("test"),
        Counter(["convert_annotations"]) + EVALUATED + GATHER,
    ),
    "a point": (point, POINTED + FROM_STAGE1 + GATHER),
    "points drawn from segments": (
        configured({"datasets.mine.points": {"from": "segments", "seed": 1}}),
        POINTED + FROM_STAGE1 + GATHER,
    ),
    "subsets in place of lists": (relabelled, NOTHING),
    "an annotation of the test split, and stage 2": (
        both(annotation("test"), configured({"stage2.dropout": 0.4})),
        Counter(["convert_annotations"]) + EVALUATED + FROM_STAGE2 - Counter({"evaluate": 2}) + GATHER,
    ),
    "a feature file of the test split, and proposals": (
        both(feature("test"), configured({"proposals.class_score": 0.3})),
        Counter(["convert_features", "score_snippets"]) + FROM_PROPOSALS + GATHER,
    ),
    "the data moved elsewhere": (moved, NOTHING),
    "the features in another layout": (flattened, NOTHING),
    "the snippets' window": (
        configured({"datasets.mine.snippet.window": 32}),
        Counter({"convert_features": 2}) + FROM_STAGE1 + GATHER,
    ),
    "the window that is meant anyway": (configured({"datasets.mine.snippet.window": 16}), NOTHING),
    "intermediates removed": (
        removed("results/mine/train/features.h5", f"{STEP}/train/scores.h5", f"{STEP}/model.pt"),
        NOTHING,
    ),
    # what was removed and is needed again runs with all that hangs on it, as everywhere in Snakemake
    "the features removed, a seed added": (
        both(removed("results/mine/train/features.h5"), configured({"seeds": [0, 1]})),
        Counter({"convert_features": 2}) + FROM_STAGE1 + FROM_STAGE1 + GATHER,
    ),
    "the training scores removed, and stage 2": (
        both(removed(f"{STEP}/train/scores.h5"), configured({"stage2.dropout": 0.4})),
        Counter(["score_snippets"]) + RANKED + FROM_STAGE2 + GATHER,
    ),
    "the test proposals removed, and fusion": (
        both(
            removed(f"{STEP}/proposals-default/test/proposals.json"),
            configured({"detection.fusion": "sum"}),
        ),
        Counter(["propose_test"]) + STAGE1_SHOWN + STAGE2_DETECTED + REFINED + FROM_STAGE3 + GATHER,
    ),
    "the training split's list in another order": (reordered, NOTHING),
    "a suffix that no name has, faults left out where there are none": (
        configured({"datasets.mine.names": {"suffix": ".mp4"}, "datasets.mine.on_fault": "leave_out"}),
        NOTHING,
    ),
    "a prefix taken from all names": (
        configured({"datasets.mine.names": {"prefix": "demo_"}}),
        Counter({"convert_annotations": 2, "convert_features": 2}) + POINTED + FROM_STAGE1 + GATHER,
    ),
    "a test video without features left out": (
        both(
            removed("data/features/test/demo_test_001.npy"),
            configured({"datasets.mine.on_fault": "leave_out"}),
        ),
        Counter(["convert_annotations", "convert_features"]) + TESTED + GATHER,
    ),
    "an annotation of the training split": (
        annotation("train"),
        Counter({"convert_annotations": 1, "measure_reliable": 2}) + GATHER,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_edit_runs_what_it_reaches_and_no_more(folder, name):
    edit, jobs = CASES[name]
    edit(folder)
    assert planned(folder) == jobs


def test_an_experiment_that_shares_stage_1_trains_stage_2_alone(folder):
    names = dict.fromkeys(("stage1", "proposals", "detection", "evaluation"), "default")
    configured(
        {
            "experiments.longer": names | {"stage2": "longer"},
            "variants": {"stage2": {"longer": {"iterations": 4}}},
        }
    )(folder)
    jobs = planned(folder, RESULT, "results/mine/longer/map.json")
    assert jobs == FROM_STAGE2 - FROM_STAGE3 + Counter(["gather_experiment"])


def test_an_upgraded_torch_runs_what_uses_it(folder):
    assert planned(folder, packages={"torch": "99.0"}) == FROM_STAGE1 + GATHER
    # the same release for another device is the same
    version = re.search(r"^torch==(.+)$", (ROOT / "requirements.lock").read_text(), re.M)[1]
    assert planned(folder, packages={"torch": f"{version}+cu130"}) == NOTHING


def test_of_the_packages_those_that_compute_count(folder):
    others = ("tqdm", "pydantic", "h5py", "pandas", "matplotlib", "jinja2", "tensorboard")
    assert planned(folder, packages=dict.fromkeys(others, "99.0")) == NOTHING
    assert planned(folder, packages={"scipy": "99.0"}) == FROM_STAGE1 + GATHER


@pytest.mark.parametrize("with_records", [True, False])
def test_a_fresh_clone_beside_existing_results(folder, tmp_path, with_records):
    clone = tmp_path / "clone"
    for name in PROJECT:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(folder / name, (clone.mkdir(exist_ok=True), clone / name)[1])
    if not with_records:
        shutil.rmtree(folder / ".snakemake")
    assert planned(folder, snakefile=clone / "Snakefile") == NOTHING


def test_what_a_killed_run_has_left_is_made_again(folder):
    path = f"{STEP}/model.pt"
    marker = folder / ".snakemake/incomplete" / base64.urlsafe_b64encode(path.encode()).decode()
    marker.parent.mkdir(exist_ok=True)
    marker.touch()  # as Snakemake does when the job starts; the record of the file before stays
    arguments = ["--configfile=extra.yaml", "--dry-run", "--rerun-incomplete", "--", RESULT]
    run = snakemake(folder, *arguments, snakefile=folder / "Snakefile")
    assert jobs_of(run) == FROM_STAGE1 + GATHER


def test_a_changed_file_that_is_a_target_too_reaches_what_reads_it(folder):
    feature("train")(folder)
    jobs = planned(folder, "results/mine/train/features.h5", RESULT)
    assert jobs == Counter({"convert_features": 2}) + FROM_STAGE1 + GATHER


def test_a_feature_path_that_links_to_another_file(folder):
    """Of the same size and times."""
    path = folder / "data/features/test/demo_test_002.npy"
    kept = path.rename(folder / "kept.npy")
    path.symlink_to(kept)
    assert planned(folder) == NOTHING
    other = folder / "other.npy"
    np.save(other, np.load(kept) + 1)
    shutil.copystat(kept, other)
    assert other.stat().st_size == kept.stat().st_size
    path.unlink()
    path.symlink_to(other)
    assert planned(folder) == Counter(["convert_features"]) + TESTED + GATHER


def test_an_intermediate_as_a_target_beside_moved_data_and_a_changed_setting(folder):
    """Each job is asked for its own reasons, whatever else is asked for."""
    moved(folder)
    values = yaml.safe_load((folder / "extra.yaml").read_text())
    values["datasets"]["mine"]["settings"]["stage1"]["dropout"] = 0.25
    write_config(folder, values)
    assert planned(folder, "results/mine/train/features.h5", RESULT) == FROM_STAGE1 + GATHER


def test_a_copy_of_a_data_set(folder):
    """Its features are links, and it needs what its parent has."""
    copied = Counter(["copy_training_split", "copy_test_split", "label_videos"])
    assert planned(folder, "results/mine-wrong/map.json") == copied + FROM_STAGE1 + GATHER
    # held-back videos are training videos, so that no edit of the test split reaches such a copy
    feature("test")(folder)
    assert planned(folder, "results/mine-held/map.json") == copied + FROM_STAGE1 + GATHER


def test_a_forced_rule_runs_with_what_follows(folder):
    # what lies before it does not, whatever the dates
    touched("results/mine/*/features.h5", f"{STEP}/*/scores.h5")(folder)
    arguments = ["--configfile=extra.yaml", "--dry-run", "--forcerun", "train_stage2", "--", RESULT]
    run = snakemake(folder, *arguments, snakefile=folder / "Snakefile")
    assert jobs_of(run) == FROM_STAGE2 + GATHER


def test_what_is_planned_is_run_and_then_done(folder):
    configured({"detection.sigma": 0.4, "experiments.default.stage3": None})(folder)
    before = (folder / STEP / "model.pt").stat().st_mtime_ns
    run = snakemake(folder, "--configfile=extra.yaml", "--", RESULT, snakefile=folder / "Snakefile")
    assert run.returncode == 0, run.stderr
    assert (folder / STEP / "model.pt").stat().st_mtime_ns == before
    assert planned(folder) == NOTHING
