"""What strangers' tries of stage 3, the gate and events have found: each case with the right words."""

import argparse
import json
import re

import pytest
import torch

from conftest import run_script
from hrpro import config, inference, model_file
from hrpro.data import candidates
from hrpro.detection.fusion import Candidates
from hrpro.detection.segments import segments
from hrpro.grid import Grid
from hrpro.instance.model import InstanceModel
from hrpro.pyramid.layout import Layout
from hrpro.pyramid.model import PyramidModel
from hrpro.pyramid.settings import Settings
from hrpro.snippet.model import SnippetModel
from hrpro.training.arguments import make_checkpoint
from hrpro.utils import errors
from hrpro.utils.errors import InputError

STAGE1 = "results/mine/last/seed0/stage1-default"
PROPOSALS = f"{STAGE1}/proposals-default"
STAGE2 = f"{PROPOSALS}/stage2-default"
STAGE3 = f"{STAGE2}/detection-default/stage3-default"
OTHERS = [{"width": 5}, {"grid": Grid(8, 25)}, {"classes": ["x", "y"]}, {"backwards": True}]


def model_of_others(stage: str, like, path, width=None, grid=None, classes=None, backwards=False) -> None:
    """Write an untrained model of a stage: of other channels, snippets or classes than one that there is."""
    file = model_file.load(like, stage)
    facts = {"width": width or file.width, "grid": grid or file.grid}
    facts["classes"] = file.classes[::-1] if backwards else classes or file.classes
    network = {"stage1": SnippetModel, "stage2": InstanceModel, "stage3": PyramidModel}[stage]
    layout = [Layout(1, 1)] if stage == "stage3" else []
    model = network(len(facts["classes"]), facts["width"], file.settings, *layout)
    model_file.save(path, model, settings=file.settings, **facts)


@pytest.mark.parametrize("change", OTHERS, ids=lambda change: next(iter(change)))
@pytest.mark.parametrize(
    ("script", "stage"),
    [
        ("detect_stage2.py", "stage2"),
        ("detect_stage3.py", "stage3"),
        ("refine_reliable.py", "stage2"),
        ("train_stage3.py", "stage2"),
    ],
)
def test_a_model_of_other_features_is_told(finished_run, out, script, stage, change):
    like = finished_run / {"stage2": STAGE2, "stage3": STAGE3}[stage] / "model.pt"
    model_of_others(stage, like, out / "other.pt", **change)
    split = "test" if script.startswith("detect") else "train"
    options = {
        "features": finished_run / f"results/mine/{split}/features.h5",
        "settings": config.canonical(config.Detection()),
        "model": out / "other.pt",
        "output": out / "made.json",
    }
    scored = finished_run / STAGE1 / split / "scores.h5"
    if split == "test":
        options["labels"] = finished_run / "results/mine/train/labels.json"
    else:
        points = finished_run / "results/mine/train/points.json"
        options |= {"points": points, "positive": finished_run / PROPOSALS / "train/positive.json"}
    if script == "detect_stage2.py":
        options |= {"proposals": finished_run / PROPOSALS / "test/proposals.json"}
        options |= {"candidates": out / "candidates.h5"}
    if script == "detect_stage3.py":
        scored = options["candidates"] = finished_run / STAGE2 / "detection-default/candidates.h5"
    else:
        options["scores"] = scored
    if script == "train_stage3.py":
        del options["output"]
        options |= {"detection": options["settings"], "settings": '{"iterations": 1}', "same-action": 1}
        options |= {"stage2": out / "other.pt", "seed": 0, "model": out / "made.pt", "events": out / "events"}
    made = run_script(script, *(part for name, value in options.items() for part in (f"--{name}", value)))
    assert made.returncode == 1, made.stderr
    words = r"trained on other channels or snippets than .*/features\.h5 has; give files of one run"
    if "classes" in change or "backwards" in change:
        words = rf"trained on other classes or snippets than .*/{scored.name} has; give files of one run"
    assert re.fullmatch(rf"error: .*/other\.pt: {words}\n", made.stderr), made.stderr
    assert [path.name for path in out.iterdir()] == ["other.pt"]


def test_snippets_are_scored_by_a_model_of_their_channels(finished_run, out):
    model_of_others("stage1", finished_run / STAGE1 / "model.pt", out / "other.pt", width=5)
    features = finished_run / "results/mine/test/features.h5"
    arguments = ["--features", features, "--model", out / "other.pt", "--output", out / "scores.h5"]
    made = run_script("score_snippets.py", *arguments)
    assert made.returncode == 1 and "other.pt: trained on other channels or snippets" in made.stderr
    assert not (out / "scores.h5").exists()


@pytest.mark.parametrize(
    ("script", "option"),
    [("train_stage2.py", "reliable"), ("train_stage2.py", "negative"), ("train_stage3.py", "positive")],
)
def test_segments_of_other_videos_are_told(finished_run, out, script, option):
    (out / "other.json").write_text('{"results": {"other": []}}')
    options = {
        "features": finished_run / "results/mine/train/features.h5",
        "scores": finished_run / STAGE1 / "train/scores.h5",
        "positive": finished_run / PROPOSALS / "train/positive.json",
        "settings": '{"iterations": 1}',
        "seed": 0,
        "model": out / "made.pt",
        "events": out / "events",
    }
    if script == "train_stage3.py":
        options |= {"points": finished_run / "results/mine/train/points.json", "same-action": 1}
        options |= {"stage2": finished_run / STAGE2 / "model.pt", "detection": "{}"}
    else:
        options["labels"] = finished_run / "results/mine/train/labels.json"
        for name in ("reliable", "negative"):
            options[name] = finished_run / PROPOSALS / f"train/{name}.json"
    options[option] = out / "other.json"
    made = run_script(script, *(part for name, value in options.items() for part in (f"--{name}", value)))
    assert made.returncode == 1, made.stderr
    assert re.fullmatch(
        r"error: .*other\.json: no video '.*', which .*features\.h5 has; .*\n", made.stderr
    ), made.stderr


def test_candidates_of_other_videos_or_classes_are_told(finished_run, out):
    of_video = Candidates(segments([[0, 1]], [0], [0.5]), None)
    classes = model_file.load(finished_run / STAGE3 / "model.pt", "stage3").classes
    features, path = finished_run / "results/mine/test/features.h5", out / "candidates.h5"
    options = ["--features", features, "--candidates", path, "--model", finished_run / STAGE3 / "model.pt"]
    options += ["--settings", "{}", "--output", out / "made.json", "--labels", out / "labels.json"]
    labels = json.loads((finished_run / "results/mine/train/labels.json").read_text())
    list(candidates.write(path, [("other", of_video)], classes=classes, grid=Grid(16, 25)))
    for names, words in (
        (classes, "other: has candidates, but is not in .*features.h5; give both of one split"),
        (classes[::-1], ".*candidates.h5: of other classes than --labels; give files of one run"),
    ):
        (out / "labels.json").write_text(json.dumps(labels | {"classes": names}))
        made = run_script("detect_stage3.py", *options)
        assert made.returncode == 1, made.stderr
        assert re.fullmatch(f"error: {words}\n", made.stderr), made.stderr
    assert not (out / "made.json").exists()


@pytest.mark.parametrize("script", ["detect_stage2.py", "refine_reliable.py"])
def test_proposals_of_other_videos_are_told(finished_run, out, script):
    split = "train" if script == "refine_reliable.py" else "test"
    (out / "other.json").write_text(
        '{"results": {"other": [{"label": "golf", "segment": [0, 1], "score": 1}]}}'
    )
    options = {
        "features": finished_run / f"results/mine/{split}/features.h5",
        "scores": finished_run / STAGE1 / split / "scores.h5",
        "positive" if split == "train" else "proposals": out / "other.json",
        "model": finished_run / STAGE2 / "model.pt",
        "settings": config.canonical(config.Detection()),
        "output": out / "made.json",
    }
    if split == "test":
        options["candidates"] = out / "candidates.h5"
    name = "points" if split == "train" else "labels"
    options[name] = finished_run / f"results/mine/train/{name}.json"
    made = run_script(script, *(part for name, value in options.items() for part in (f"--{name}", value)))
    assert made.returncode == 1, made.stderr
    assert made.stderr.splitlines()[-1].startswith("error: other: has proposals, but is not in "), made.stderr
    assert [path.name for path in out.iterdir()] == ["other.json"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda state: state["scale"].fill_(0), "0 cells per snippet"),
        (lambda state: state["scale"].fill_(-3), "-3 cells per snippet"),
        (lambda state: state["classes.bias"].fill_(float("nan")), "its weights of 'classes.bias' are NaN"),
        (lambda state: state["ends.weight"].fill_(float("inf")), "its weights of 'ends.weight' are NaN"),
    ],
)
def test_a_third_stage_of_wrong_weights_is_no_model(change, reason, tmp_path):
    path, settings = tmp_path / "model.pt", Settings(width=4)
    model = PyramidModel(2, 3, settings, Layout(1, 2))
    model_file.save(path, model, settings=settings, classes=["x", "y"], width=3, grid=Grid(16, 25))
    content = model_file.read(path)
    change(content["state"])
    model_file.write(path, content)
    with pytest.raises(InputError, match=rf"model\.pt: not a model of this version of hrpro \({reason}"):
        inference.of_file(path, "stage3", torch.device("cpu"))


@pytest.mark.parametrize("content", ['{"counts": "stage4", "mAP": {}}', '{"counts": ["stage1"], "mAP": {}}'])
def test_a_table_of_a_gate_that_is_none_is_not_made(content, out):
    values = {"tiou": [0.5], "mAP": [1.0], "average": {"0.5:0.5": 1.0}, "per_class": {"x": [1.0]}}
    (out / "one.json").write_text(json.dumps(values))
    (out / "gate.json").write_text(content)
    arguments = [
        "--dataset",
        "mine",
        "--experiment",
        "default",
        "--seeds",
        0,
        "--stage1-last",
        out / "one.json",
    ]
    made = run_script("gather.py", *arguments, "--gate", out / "gate.json", "--output", out / "map.json")
    assert made.returncode == 1 and re.match(
        r"error: .*gate\.json: counts: .* is none of stage1, ", made.stderr
    )
    assert not (out / "map.json").exists()


def test_a_third_stage_by_classes_alone_is_told_what_to_set():
    with pytest.raises(InputError, match="without them can: none, so set stage3: null"):
        config.parse(config.Config, {"experiments": {"videos": {"stage3": "default"}}})


def test_a_checkpoint_is_of_one_distance_between_actions(tmp_path):
    arguments = {"state_every": 60, "code": "", "settings": "{}", "seed": 0, "threads": 1}
    keys = set()
    for same_action in (1.0, 2.0):
        state = tmp_path / str(same_action) / "state.pt"
        of_training = argparse.Namespace(state=state, same_action=same_action, **arguments)
        keys.add(make_checkpoint(of_training, features=[], inputs=[]).key)
    assert len(keys) == 2


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried"
        ),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    ],
)
def test_a_network_that_is_too_large_is_no_fault_of_hrpro(error, capsys, caplog):
    def main():
        raise error

    with pytest.raises(SystemExit) as end:
        errors.run(main)
    assert end.value.code == 1
    assert [record.getMessage() for record in caplog.records] == [
        "not enough memory; close other programs or take a machine with more"
    ]
    assert "Traceback" not in capsys.readouterr().err
