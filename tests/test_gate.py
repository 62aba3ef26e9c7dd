"""How far stage 2 counts: what held-back videos say, and what a run makes of it (docs/method.md, 6.3)."""

import json
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
    GATHER,
    HELD_BACK,
    NOTHING,
    POINTED,
    STAGE2_DETECTED,
    TESTED,
    annotation,
    feature,
    planned,
    point,
    write_config,
)

STEPS = "results/mine/last/seed0/stage1-default/proposals-default"
STAGE2 = f"{STEPS}/stage2-default"
HELD = STAGE2.replace("mine", "mine-held_points", 1)
DETECTION = config.canonical(config.Detection())


def test_detections_are_judged_by_points():
    # of class x a point in either video; the detection that finds b's holds two points in `second`, so
    # that it is right at thresholds up to a half alone
    truth = {"a": segments([[5, 5]], [0]), "b": segments([[5, 5], [8, 8]], [0, 1]), "c": segments([], [])}
    first = {"a": segments([[4, 6]], [0], [0.9]), "b": segments([[4, 6], [7, 9]], [0, 1], [0.8, 0.8])}
    second = {"a": segments([[4, 6]], [0], [0.9]), "b": segments([[4, 9], [7, 9]], [0, 1], [0.8, 0.8])}
    # class x of `second`: at 0.1 to 0.5 both points, at 0.6 and 0.7 one of two; class y: its one throughout
    figures = held_back.mean_aps(truth, [first, second, {}], ["x", "y"])
    assert figures == pytest.approx([100, 100 * ((5 + 2 / 2) / 7 + 1) / 2, 0])


@pytest.mark.parametrize(
    ("mean", "error", "share"),
    [
        ([40.0, 42.1, 41.0], None, 0.5),
        ([40.0, 42.0, 41.0], None, 1),  # a point below the best says nothing
        ([0.0, 0.0, 0.0], None, 1),
        # stage 2 is left out where stage 1 leads by more than two standard errors
        ([45.0, 42.0, 40.0], 1.4, 0),
        ([45.0, 42.0, 40.0], 1.6, 0.5),
        ([45.0, 42.0, 42.0], 0.0, 0),
        ([45.0, 42.0, 42.0], None, 1),  # of one video: no telling
    ],
)
def test_stage_2_counts_as_far_as_it_does_no_harm(mean, error, share):
    assert held_back.largest([0, 0.5, 1], mean, error) == share


def test_the_error_of_a_lead_is_of_the_videos():
    # a class per video, found by the first variant everywhere, by the others in `c` or nowhere: without a
    # or b the first leads by a half, without c by all
    at = {"a": 0, "b": 1, "c": 2}
    truth = {video: segments([[5, 5]], [label]) for video, label in at.items()} | {"d": segments([])}
    first = {video: segments([[4, 6]], [label], [0.9]) for video, label in at.items()}
    variants = [first, {"d": first["a"]}, {"c": first["c"]}]
    mean = held_back.mean_aps(truth, variants, list("xyz"))
    assert mean == pytest.approx([100, 0, 100 / 3])
    leads = np.array([50, 50, 100])
    expected = np.sqrt(2 / 3 * ((leads - leads.mean()) ** 2).sum())
    assert held_back.error_of_lead(truth, variants, mean, list("xyz")) == pytest.approx(expected)
    assert held_back.error_of_lead(truth, variants, [100, 0, 100], list("xyz")) is None  # no lead
    one = {"a": truth["a"], "d": truth["d"]}
    assert held_back.error_of_lead(one, variants, [100, 0, 0], list("xyz")) is None


@pytest.mark.parametrize(
    "content", ['{"share": 2}', '{"share": true}', '{"share": "1"}', '{"shares": []}', "[]"]
)
def test_another_file_is_no_gate(tmp_path, content):
    path = tmp_path / "gate.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"gate\.json"):
        gate.read(path)


def options_of(run: Path) -> list:
    """What gate.py and detect_stage2.py take alike."""
    return [
        *("--features", run / "results/mine/test/features.h5"),
        *("--proposals", run / STEPS / "test/proposals.json"),
        *("--scores", run / STEPS / "../test/scores.h5"),
        *("--model", run / STAGE2 / "model.pt"),
        *("--device", "cpu"),
    ]


def detect(run: Path, out: Path, settings: str = DETECTION, share: float | None = None) -> bytes:
    """The bytes of detections of stage 2; share: by a gate.json."""
    arguments = [*options_of(run), "--labels", run / "results/mine/train/labels.json", "--settings", settings]
    if share is not None:
        (out / "gate.json").write_text(json.dumps({"share": share}))
        arguments += ["--gate", out / "gate.json"]
    made = run_script("detect_stage2.py", *arguments, "--output", out / "detections.json")
    assert made.returncode == 0, made.stderr
    return (out / "detections.json").read_bytes()


def test_stage_2_counts_with_its_share(finished_run, out):
    halved = config.canonical(gate.fused_with(config.Detection(), 0.5))
    assert '"completeness_weight": 1.0' in halved
    assert detect(finished_run, out, share=0.5) == detect(finished_run, out, settings=halved)
    assert detect(finished_run, out, share=1.0) == detect(finished_run, out)
    stage1 = finished_run / STEPS / "detection-default/detections.json"
    assert detect(finished_run, out, share=0.0) == stage1.read_bytes()


def test_the_gate_measures_what_the_evaluation_does(finished_run, out):
    # the test split as if it were held back; with segments in place of points the two score alike
    annotations = finished_run / "results/mine/test/annotations.json"
    arguments = ["--annotations", annotations, "--settings", DETECTION, "--output", out / "gate.json"]
    made = run_script("gate.py", *options_of(finished_run), *arguments, "--log", out / "gate.log")
    assert made.returncode == 0, made.stderr
    result = json.loads((out / "gate.json").read_text())
    figures = [
        json.loads((finished_run / folder / "detection-default/evaluation-default/map.json").read_text())
        for folder in (STEPS, STAGE2)
    ]
    assert result["shares"] == [0, 0.125, 0.25, 0.5, 1]
    assert [result["mAP"][0], result["mAP"][-1]] == pytest.approx(
        [figure["average"]["0.1:0.7"] for figure in figures]
    )
    assert (
        result["share"]
        == gate.read(out / "gate.json")
        == held_back.largest(result["shares"], result["mAP"], result["error_of_lead"])
    )
    assert result["videos"] == 12
    assert f"stage 2 counts with {result['share']:g} of its weight" in (out / "gate.log").read_text()


@pytest.mark.parametrize(("share", "weight"), [(0, None), (0.25, 0.5), (1, 2.0)])
def test_a_model_file_holds_as_much_of_stage_2_as_counts(finished_run, out, share, weight):
    (out / "gate.json").write_text(json.dumps({"share": share}))
    made = run_script(
        "bundle_model.py",
        *("--stage1", finished_run / STEPS / "../model.pt", "--stage2", finished_run / STAGE2 / "model.pt"),
        *("--features", finished_run / "results/mine/train/features.h5", "--gate", out / "gate.json"),
        *("--settings", config.canonical(config.Prediction(**defaults()))),
        *("--output", out / "model.pt"),
    )
    assert made.returncode == 0, made.stderr
    model = predict.load(out / "model.pt", "cpu")
    if weight is None:
        assert model.stage2 is None
    else:
        assert model.stage2 and model.settings.detection.completeness_weight == weight


def defaults() -> dict:
    """The settings that a model file holds beside the networks."""
    settings = config.Config().settings
    return {name: getattr(settings, name) for name in ("features", "proposals", "detection")}


@pytest.mark.parametrize(
    ("experiment", "words"),
    [
        ({"gate": "ask", "stage2": None}, "gate: ask, but there is no stage 2"),
        ({"gate": "off", "stage2": None}, "gate: off, but there is no stage 2"),
        ({"gate": "sometimes"}, "gate"),
    ],
)
def test_a_gate_that_cannot_be_is_refused(experiment, words):
    with pytest.raises(InputError, match=words):
        config.parse(config.Config, {"experiments": {"default": experiment}})


def test_a_gate_needs_held_back_points():
    with pytest.raises(InputError, match=r"gate: ask needs copies\.held_points"):
        config.parse(
            config.Config, {"experiments": {"default": {"gate": "ask"}}, "copies": {"held_points": None}}
        )
    with pytest.raises(InputError, match="truth: points"):  # no segment has a say
        by_segments = {"held_points": {"held_back": 0.25, "truth": "segments"}}
        config.parse(config.Config, {"experiments": {"default": {"gate": "ask"}}, "copies": by_segments})
    with pytest.raises(InputError, match="gate: ask needs points"):
        config.parse(config.Config, {"experiments": {"videos": {"gate": "ask"}}})


def test_on_and_off_are_read_as_yaml_gives_them():
    for word in ("on", "off", "ask", "auto"):
        values = yaml.safe_load(f"experiments: {{default: {{gate: {word}}}}}")
        assert config.parse(config.Config, values).experiments["default"].gate == word


@pytest.fixture(scope="module")
def gated_run(finished_run, tmp_path_factory) -> Path:
    """A finished run with `gate: ask`, of few iterations."""
    folder = shutil.copytree(finished_run, tmp_path_factory.mktemp("gated") / "run")
    values = json.loads(json.dumps(MINE | {"experiments": {"default": {"gate": "ask"}}}))
    values["datasets"]["mine"]["settings"] = {"stage1": {"iterations": 8}, "stage2": {"iterations": 8}}
    write_config(folder, values)
    targets = ["results/mine/map.json", "results/mine/model.pt"]
    run = snakemake(folder, "--configfile=extra.yaml", "--", *targets, snakefile=folder / "Snakefile")
    assert run.returncode == 0, run.stderr
    return folder


def figures_of(run: Path, *folders: str) -> dict:
    """A map.json in the results of a run."""
    return json.loads((run / Path("results", *folders) / "map.json").read_text())


@pytest.mark.slow
def test_a_run_keeps_of_stage_2_what_held_back_videos_bear_out(gated_run):
    result = figures_of(gated_run, "mine")
    said = json.loads((gated_run / HELD / "gated-default/gate.json").read_text())
    assert result["gate"] == said
    held_back_videos = json.loads((gated_run / "results/mine-held_points/test/annotations.json").read_text())
    assert said["videos"] == len(held_back_videos["database"]) == 6
    gated, stage2 = (result["stages"][stage]["last"]["mAP"] for stage in ("gated", "stage2"))
    assert (gated == stage2) == (said["share"] == 1)
    detection = predict.load(gated_run / "results/mine/model.pt", "cpu")
    assert (detection.stage2 is None) == (said["share"] == 0)
    evaluated = figures_of(gated_run, *STAGE2.split("/")[1:], "gated-default/evaluation-default")
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
        (annotation("test"), Counter({"convert_annotations": 1, "evaluate": 3}) + GATHER),
        (feature("test"), Counter(["convert_features"]) + TESTED + STAGE2_DETECTED + GATHER),
        # all that is known of the training videos does
        (point, POINTED + FROM_STAGE1 + HELD_BACK + STAGE2_DETECTED + GATHER),
        # the first seed's run decides for all
        (lambda folder: with_gate(folder, {"seeds": [0, 1]}), FROM_STAGE1 + STAGE2_DETECTED + GATHER),
    ],
    ids=["nothing", "test annotation", "test features", "point", "seed"],
)
def test_what_the_gate_hangs_on(gated_run, tmp_path, edit, jobs):
    folder = shutil.copytree(gated_run, tmp_path / "run")
    edit(folder)
    assert planned(folder) == jobs
