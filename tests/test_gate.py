"""Which stages count: what held-back videos say, what a run makes of it (docs/method.md, 6.3)."""

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml

from conftest import MINE, run_script, snakemake
from hrpro import config, predict
from hrpro.detection import gate
from hrpro.detection.segments import segments
from hrpro.evaluation import held_back
from hrpro.utils.errors import InputError
from test_invalidation import (
    FROM_STAGE1,
    GATED,
    GATHER,
    HELD_BACK,
    LISTED,
    NOTHING,
    POINTED,
    TESTED,
    annotation,
    feature,
    planned,
    point,
    write_config,
)

STEPS = "results/mine/last/seed0/stage1-default/proposals-default"
STAGE2 = f"{STEPS}/stage2-default"
STAGE3 = f"{STAGE2}/detection-default/stage3-default"
HELD = STAGE2.replace("mine", "mine-held_points", 1)


def test_detections_are_judged_by_points():
    # of class x a point in either video; the detection that finds b's holds two points in `second`, so
    # that it is right at thresholds up to a half alone
    truth = {"a": segments([[5, 5]], [0]), "b": segments([[5, 5], [8, 8]], [0, 1]), "c": segments([], [])}
    first = {"a": segments([[4, 6]], [0], [0.9]), "b": segments([[4, 6], [7, 9]], [0, 1], [0.8, 0.8])}
    second = {"a": segments([[4, 6]], [0], [0.9]), "b": segments([[4, 9], [7, 9]], [0, 1], [0.8, 0.8])}
    # class x of `second`: at 0.1 to 0.5 both points, at 0.6 and 0.7 one of two; class y: its one throughout
    figures = held_back.mean_aps(truth, {"first": first, "second": second, "none": {}}, ["x", "y"])
    assert list(figures) == ["first", "second", "none"]
    assert list(figures.values()) == pytest.approx([100, 100 * ((5 + 2 / 2) / 7 + 1) / 2, 0])


@pytest.mark.parametrize(
    ("mean", "errors", "counts"),
    [
        ([40.0, 41.0, 42.0], {}, "stage3"),
        ([40.0, 42.0, 42.0], {}, "stage3"),
        # a stage is left out where an earlier one leads by more than two standard errors
        ([45.0, 40.0, 40.0], {"stage1": 2.4}, "stage1"),
        ([45.0, 40.0, 40.0], {"stage1": 2.6}, "stage3"),
        ([42.0, 45.0, 40.0], {"stage1": 0.9, "stage2": 2.4}, "stage2"),
        # the best one may not be sure when another is
        ([44.9, 45.0, 40.0], {"stage1": 1.0, "stage2": 4.0}, "stage1"),
        ([45.0, 45.0, 40.0], {"stage1": 1.0, "stage2": 1.0}, "stage1"),  # as good, and takes less
        ([45.0, 42.0], {"stage1": 0.0}, "stage1"),
        ([45.0, 42.0], {}, "stage2"),  # of one video: no telling
    ],
)
def test_a_stage_counts_unless_an_earlier_one_leads(mean, errors, counts):
    stages = ("stage1", "stage2", "stage3")[: len(mean)]
    assert held_back.last_that_counts(dict(zip(stages, mean, strict=True)), errors) == counts


def test_the_error_of_a_lead_is_of_the_videos():
    # a class per video, found by the first stage everywhere, by the others in `c` or nowhere: without a
    # or b the first leads by a half, without c by all
    at = {"a": 0, "b": 1, "c": 2}
    truth = {video: segments([[5, 5]], [label]) for video, label in at.items()} | {"d": segments([])}
    first = {video: segments([[4, 6]], [label], [0.9]) for video, label in at.items()}
    stages = {"stage1": first, "stage2": {"d": first["a"]}, "stage3": {"c": first["c"]}}
    mean = held_back.mean_aps(truth, stages, list("xyz"))
    assert mean == pytest.approx({"stage1": 100, "stage2": 0, "stage3": 100 / 3})
    leads = np.array([50, 50, 100])
    expected = np.sqrt(2 / 3 * ((leads - leads.mean()) ** 2).sum())
    assert held_back.errors_of_leads(truth, stages, mean, list("xyz")) == pytest.approx({"stage1": expected})
    # none for the last stage, nor for one that is no better than it
    assert held_back.errors_of_leads(truth, stages, mean | {"stage3": 100}, list("xyz")) == {}
    both = held_back.errors_of_leads(truth, stages, mean | {"stage2": 40}, list("xyz"))
    assert both == pytest.approx({"stage1": expected, "stage2": np.sqrt(2 / 3 * 2 / 3) * 50})
    one = {"a": truth["a"], "d": truth["d"]}
    assert held_back.errors_of_leads(one, stages, mean, list("xyz")) == {}


@pytest.mark.parametrize(
    "content", ['{"counts": "stage4"}', '{"counts": 1}', '{"share": 1}', '{"counts": []}', "[]"]
)
def test_another_file_is_no_gate(tmp_path, content):
    path = tmp_path / "gate.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"gate\.json"):
        gate.read(path)


DETECTED = {"stage1": f"{STEPS}/detection-default", "stage2": f"{STAGE2}/detection-default", "stage3": STAGE3}


def detections_of(run: Path, *stages: str) -> list:
    """The options that name the detections of stages of a run."""
    return [part for stage in stages for part in (f"--{stage}", run / DETECTED[stage] / "detections.json")]


@pytest.mark.parametrize("counts", list(DETECTED))
def test_the_last_stage_that_counts_detects(finished_run, out, counts):
    (out / "gate.json").write_text(json.dumps({"counts": counts}))
    arguments = ["--gate", out / "gate.json", *detections_of(finished_run, *DETECTED)]
    made = run_script("detect_gated.py", *arguments, "--output", out / "made.json")
    assert made.returncode == 0, made.stderr
    by = {
        stage: (finished_run / folder / "detections.json").read_bytes() for stage, folder in DETECTED.items()
    }
    assert len(set(by.values())) == 3
    assert (out / "made.json").read_bytes() == by[counts]


def test_a_stage_that_an_experiment_lacks_cannot_count(finished_run, out):
    (out / "gate.json").write_text('{"counts": "stage3"}')
    arguments = ["--gate", out / "gate.json", *detections_of(finished_run, "stage1", "stage2"), "--stage3"]
    made = run_script("detect_gated.py", *arguments, "--output", out / "made.json")
    assert made.returncode == 1
    assert re.fullmatch(
        r"error: .*gate\.json: counts: stage3, of which there are no detections; make it again\n", made.stderr
    )
    assert not (out / "made.json").exists()


def asked(run: Path, out: Path, *stages: str) -> dict:
    """The gate.json of test videos as if they were held back, with segments in place of points."""
    labels = {"--annotations": "test/annotations.json", "--labels": "train/labels.json"}
    arguments = [part for option, path in labels.items() for part in (option, run / "results/mine" / path)]
    arguments += [*detections_of(run, *stages), "--output", out / "gate.json", "--log", out / "gate.log"]
    made = run_script("gate.py", *arguments)
    assert made.returncode == 0, made.stderr
    return json.loads((out / "gate.json").read_text())


def test_the_gate_measures_what_the_evaluation_does(finished_run, out):
    result = asked(finished_run, out, *DETECTED)
    assert result["mAP"] == pytest.approx(
        {
            stage: json.loads((finished_run / folder / "evaluation-default/map.json").read_text())["average"][
                "0.1:0.7"
            ]
            for stage, folder in DETECTED.items()
        }
    )
    assert result["counts"] == held_back.last_that_counts(result["mAP"], result["errors_of_leads"])
    assert gate.read(out / "gate.json") == result["counts"]
    assert result["videos"] == 12
    assert "mAP of 12 held-back videos with " in (out / "gate.log").read_text()


def test_the_gate_says_where_no_further_stage_counts(finished_run, out, monkeypatch):
    monkeypatch.setattr(held_back, "last_that_counts", lambda mean, errors: "stage1")
    result = asked(finished_run, out, "stage1", "stage2")
    assert result["counts"] == gate.read(out / "gate.json") == "stage1"
    assert list(result) == ["counts", "videos", "points", "mAP", "errors_of_leads"]
    assert list(result["mAP"]) == ["stage1", "stage2"]  # there is no stage 3 to ask of
    assert "no stage after stage1 counts: mAP of 12 held-back videos" in (out / "gate.log").read_text()


@pytest.mark.parametrize("counts", ["stage1", "stage2", "stage3"])
def test_a_model_file_holds_the_stages_that_count(finished_run, out, counts):
    (out / "gate.json").write_text(json.dumps({"counts": counts}))
    made = run_script(
        "bundle_model.py",
        *("--stage1", finished_run / STEPS / "../model.pt", "--stage2", finished_run / STAGE2 / "model.pt"),
        *("--stage3", finished_run / STAGE3 / "model.pt", "--gate", out / "gate.json"),
        *("--features", finished_run / "results/mine/train/features.h5"),
        *("--settings", config.canonical(config.Prediction(**defaults()))),
        *("--output", out / "model.pt"),
    )
    assert made.returncode == 0, made.stderr
    model = predict.load(out / "model.pt", "cpu")
    assert (model.stage2 is not None) == (counts != "stage1")
    assert (model.stage3 is not None) == (counts == "stage3")


def defaults() -> dict:
    """The settings that a model file holds beside the networks."""
    settings = config.Config().settings
    return {name: getattr(settings, name) for name in ("features", "proposals", "detection")}


@pytest.mark.parametrize("gate", ["off", "ask", "sometimes"])
def test_a_gate_that_cannot_be_is_refused(gate):
    words = "gate: off, but there is no stage 2" if gate == "off" else "gate"
    with pytest.raises(InputError, match=words):
        config.parse(config.Config, {"experiments": {"default": {"gate": gate, "stage2": None}}})


def test_on_and_off_are_read_as_yaml_gives_them():
    for word in ("on", "off", "auto"):
        values = yaml.safe_load(f"experiments: {{default: {{gate: {word}}}}}")
        assert config.parse(config.Config, values).experiments["default"].gate == word


def test_what_is_shown_and_handed_over_is_what_counts(finished_run, tmp_path):
    folder = shutil.copytree(finished_run, tmp_path / "run")
    write_config(folder, MINE | {"experiments": {}})
    for target in ("report.html", "model.pt", "timeline.svg"):
        jobs = planned(folder, f"results/mine/{target}")
        assert jobs["gate_stage3"] == 1 and bool(jobs["detect_gated_stage3"]) == (target != "model.pt"), (
            target
        )


@pytest.fixture(scope="module")
def gated_run(finished_run, tmp_path_factory) -> Path:
    """A finished run of the default experiment as it is by default, of few iterations."""
    folder = shutil.copytree(finished_run, tmp_path_factory.mktemp("gated") / "run")
    values = json.loads(json.dumps(MINE | {"experiments": {}}))
    stages = ("stage1", "stage2", "stage3")
    values["datasets"]["mine"]["settings"] = {stage: {"iterations": 8} for stage in stages}
    write_config(folder, values)
    targets = ["results/mine/map.json", "results/mine/model.pt"]
    run = snakemake(folder, "--configfile=extra.yaml", "--", *targets, snakefile=folder / "Snakefile")
    assert run.returncode == 0, run.stderr
    return folder


def figures_of(run: Path, *folders: str) -> dict:
    """A map.json in the results of a run."""
    return json.loads((run / Path("results", *folders) / "map.json").read_text())


@pytest.mark.slow
def test_a_run_ends_at_the_last_stage_that_counts(gated_run):
    result = figures_of(gated_run, "mine")
    assert list(result["events"]["F1"]) == ["0.1", "0.25", "0.5"] and result["events"]["edit"] is not None
    assert list(result["stages"]) == ["stage1", "stage2", "stage3", "gated"]
    said = json.loads((gated_run / HELD / "gated-default/stage3-default/gate.json").read_text())
    assert result["gate"] == said
    held_back_videos = json.loads((gated_run / "results/mine-held_points/test/annotations.json").read_text())
    assert said["videos"] == len(held_back_videos["database"]) == 6
    gated, counted = (result["stages"][stage]["last"]["mAP"] for stage in ("gated", said["counts"]))
    assert gated == counted
    model = predict.load(gated_run / "results/mine/model.pt", "cpu")
    held = (model.stage2 is not None, model.stage3 is not None)
    assert held == (said["counts"] != "stage1", said["counts"] == "stage3")
    evaluated = figures_of(
        gated_run, *STAGE2.split("/")[1:], "gated-default/stage3-default/evaluation-default"
    )
    assert evaluated["mAP"] == gated


def with_gate(folder: Path, changes: dict) -> None:
    """The configuration of `gated_run` with changes of top-level keys."""
    values = yaml.safe_load((folder / "extra.yaml").read_text())
    write_config(folder, values | changes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edit", "jobs"),
    [
        (lambda folder: None, NOTHING),
        # no test data reach it
        (
            annotation("test"),
            Counter({"convert_annotations": 1, "evaluate": 4, "measure_events": 1}) + GATHER,
        ),
        (feature("test"), Counter(["convert_features", "measure_events"]) + TESTED + GATED + GATHER),
        # all that is known of the training videos does
        (
            point,
            POINTED + FROM_STAGE1 + HELD_BACK + GATED + Counter(["detect_gated_stage3"]) + LISTED + GATHER,
        ),
        # the first seed's run decides for all
        (
            lambda folder: with_gate(folder, {"seeds": [0, 1]}),
            FROM_STAGE1 + GATED + Counter(["measure_events"]) + GATHER,
        ),
    ],
    ids=["nothing", "test annotation", "test features", "point", "seed"],
)
def test_what_the_gate_hangs_on(gated_run, tmp_path, edit, jobs):
    folder = shutil.copytree(gated_run, tmp_path / "run")
    edit(folder)
    assert planned(folder) == jobs
