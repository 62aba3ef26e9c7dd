"""Classes of videos as supervision: no step of the chain `video-labels` reads when an action happens."""

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch.nn import functional as F

from conftest import jobs_of, run_script, snakemake
from feature_files import write_features
from hrpro import config as configuration
from hrpro import inference, methods, model_file
from hrpro.config import parse
from hrpro.data import conversion, points, splits
from hrpro.data.instances import without_times
from hrpro.grid import Grid
from hrpro.layers.packing import Packing
from hrpro.layers.scores import SnippetScores
from hrpro.snippet import losses
from hrpro.utils.errors import InputError

SECOND = Grid(25, 25)  # snippets of one second
CLASSES = ["pour", "stir"]
SHOWN = {"a": ["pour"], "b": ["stir"], "c": ["pour", "stir"], "d": ["pour"], "e": ["stir"], "f": []}
DEFAULT = configuration.Config().settings


def made(rng: np.random.Generator, labels: list[str]) -> np.ndarray:
    """A video of 40 s in 6 channels, of which each class has one of its own for 6 s."""
    rows = 0.3 * rng.standard_normal((40, 6))
    for label in labels:
        start = int(rng.integers(34))
        rows[start : start + 6, CLASSES.index(label)] += 4
    return rows


def pointed(rng: np.random.Generator) -> dict:
    """The content of a points.json whose times are drawn anywhere: some videos have a class twice."""
    videos = {
        video: sorted(
            ({"label": label, "seconds": rng.uniform(0, 40)} for label in [*labels, *labels[:1]]),
            key=lambda point: point["seconds"],
        )
        for video, labels in SHOWN.items()
    }
    return {"classes": CLASSES, "videos": videos}


def stage1_settings(**changes) -> str:
    values = DEFAULT.stage1.model_dump() | {"blocks": 0, "batch": 4, "iterations": 3}
    return json.dumps(values | changes)


def stage2_settings(method: str) -> str:
    model = methods.load("stage2", method, "settings").Settings
    return model(iterations=3, batch=2).model_dump_json()


def run(name: str, **options) -> None:
    words = [(f"--{key.replace('_', '-')}", value) for key, value in options.items()]
    result = run_script(name, *itertools.chain(*words))
    assert result.returncode == 0, result.stderr


def chain(folder: Path, rng: np.random.Generator, known: dict, **changes) -> dict[str, bytes]:
    """The steps from a points.json on, with fewer iterations; the bytes of what comes after it."""
    folder.mkdir()
    train, test = (
        write_features(folder / f"{split}.h5", {v: made(rng, SHOWN[v]) for v in videos}, SECOND)
        for split, videos in (("train", "abcdef"), ("test", "ac"))
    )
    (folder / "points.json").write_text(json.dumps(known))
    out = folder / "out"
    out.mkdir()
    labels, model = out / "labels.json", out / "model.pt"
    run("label_videos.py", points=folder / "points.json", labels=labels)
    settings = stage1_settings(**changes)
    common = {"seed": 0, "events": folder / "events"}
    run("train_stage1.py", features=train, points=labels, settings=settings, model=model, **common)
    for split, features in (("train", train), ("test", test)):
        run("score_snippets.py", features=features, model=model, output=out / f"{split}-scores.h5")
    proposals = DEFAULT.proposals.model_dump_json()
    options = {"scores": out / "train-scores.h5", "labels": labels, "settings": proposals}
    run("propose_training.py", **options, output=out / "positive.json")
    candidates = {"proposals": out / "proposals.json", "labels": labels}
    run("propose_test.py", scores=out / "test-scores.h5", settings=proposals, output=candidates["proposals"])
    detection = DEFAULT.detection.model_dump_json()
    run("detect_stage1.py", **candidates, settings=detection, output=out / "detections.json")
    for method in methods.STAGE2:
        if methods.learns_by_videos("stage2", method):
            model = out / f"{method}.pt"
            options = {
                "features": train,
                "scores": out / "train-scores.h5",
                "positive": out / "positive.json",
            }
            options |= {"labels": labels, "settings": stage2_settings(method), "model": model}
            run("train_stage2.py", **options, **common)
            options = {"features": test, "scores": out / "test-scores.h5", "model": model}
            written = {"output": out / f"{method}.json", "candidates": out / f"{method}.h5"}
            run("detect_stage2.py", **options, **candidates, settings=detection, **written)
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def test_shuffled_times_give_the_same_bytes(tmp_path):
    rows, times = [np.random.default_rng(0) for _ in range(2)], np.random.default_rng(1)
    first, second = (chain(tmp_path / f"run{n}", rows[n], pointed(times)) for n in range(2))
    known = [(tmp_path / f"run{n}/points.json").read_text() for n in range(2)]
    assert known[0] != known[1]
    assert {"labels.json", "model.pt", "train-scores.h5", "positive.json", "detections.json"} <= {*first}
    assert "pmil.pt" in first and "pmil.json" in first
    assert [name for name in first if first[name] != second[name]] == []
    labels = json.loads(first["labels.json"])
    assert labels == {
        "classes": CLASSES,
        "videos": {v: [{"label": label} for label in of] for v, of in SHOWN.items()},
    }


def test_only_the_step_that_takes_the_times_away_reads_points(tmp_path):
    plan = snakemake(tmp_path, "--dry-run", "--config", "seeds=[0,1]", "--", "results/demo/videos/map.json")
    assert plan.returncode == 0, plan.stderr
    jobs = re.findall(r"^(?:local)?rule (\w+):\n    input: (.*)$", plan.stdout + plan.stderr, re.M)
    assert [name for name, inputs in jobs if "points.json" in inputs] == ["label_videos"]
    assert {"train_stage1", "propose_training", "train_stage2", "gather_experiment"} <= {n for n, _ in jobs}


def test_the_model_for_new_videos_may_be_of_that_chain(tmp_path):
    default = {"stage1": "videos", "stage2": "pmil", "stage3": None, "supervision": "videos"}
    values = {"experiments": {"default": default}, "ablation": {"default": None}}
    (tmp_path / "extra.yaml").write_text(yaml.safe_dump(values))
    targets = ["results/demo/model.pt", "results/demo/map.json", "results/demo/timeline.svg"]
    plan = snakemake(tmp_path, "--dry-run", "--configfile=extra.yaml", "--", *targets)
    jobs = jobs_of(plan)
    assert jobs["train_stage1"] == jobs["train_stage2"] == jobs["bundle_model"] == jobs["timeline"] == 1
    assert not {"rank_proposals", "measure_reliable", "refine_reliable"} & {*jobs}
    assert re.search(
        r"rule bundle_model:\n    input: results/demo/video-labels/seed0/", plan.stdout + plan.stderr
    )


def test_action_and_background_are_told_apart(tmp_path):
    rng = np.random.default_rng(0)
    shown = {f"{video}{number}": labels for number in range(5) for video, labels in SHOWN.items()}
    rows = {video: made(rng, labels) for video, labels in shown.items()}
    train = write_features(tmp_path / "train.h5", rows, SECOND)
    labels = {video: [{"label": label} for label in of_video] for video, of_video in shown.items()}
    (tmp_path / "labels.json").write_text(json.dumps({"classes": CLASSES, "videos": labels}))
    options = {"points": tmp_path / "labels.json", "settings": stage1_settings(iterations=400)}
    options |= {"seed": 0, "events": tmp_path / "events", "model": tmp_path / "model.pt"}
    run("train_stage1.py", features=train, **options)
    stage1 = inference.stage1(model_file.load(tmp_path / "model.pt", "stage1"), torch.device("cpu"))
    for labels in SHOWN.values():
        rows = made(rng, labels).astype(np.float32)
        scores, action = stage1.score(rows), (rows[:, :2] > 2).any(1)
        assert [CLASSES[label] for label in np.flatnonzero(scores.video > 0.5)] == labels
        assert scores.background[~action].mean() > 0.7
        assert not action.any() or scores.background[action].mean() < 0.3


# --- the losses


def plain_losses(classes: np.ndarray, background: np.ndarray, present: np.ndarray, top: int) -> list[float]:
    """Eq. 37 of one video, by its words."""

    def of_video(values: np.ndarray) -> float:
        return np.sort(values)[::-1][: max(1, len(values) // top)].mean()

    def bce(score: float, target: float) -> float:
        return -np.log(score) if target else -np.log(1 - score)

    plain, suppressed = (
        np.mean([bce(of_video(values[:, c]), present[c]) for c in range(values.shape[1])])
        for values in (classes, classes * (1 - background[:, None]))
    )
    return [plain, bce(of_video(background), 1), suppressed]


@pytest.mark.parametrize("classes", [1, 3])
def test_losses_of_packed_videos(classes):
    rng = np.random.default_rng(0)
    lengths = [1, 2, 7, 8, 40]
    scores = rng.uniform(0.05, 0.95, (sum(lengths), classes))
    background, present = rng.uniform(0.05, 0.95, sum(lengths)), rng.random((len(lengths), classes)) < 0.5
    present[0] = False  # a video that shows nothing
    packing = Packing(lengths)
    found = losses.by_videos(
        SnippetScores(torch.tensor(scores), torch.tensor(background), torch.zeros(0)),
        torch.tensor(present, dtype=torch.float64),
        packing=packing,
        top=8,
    )
    assert list(found) == ["plain", "background", "suppressed", "total"]
    first = np.cumsum([0, *lengths])
    for video, (start, end) in enumerate(itertools.pairwise(first)):
        expected = plain_losses(scores[start:end], background[start:end], present[video], 8)
        values = [found[name][video].item() for name in ("plain", "background", "suppressed")]
        assert values == pytest.approx(expected, abs=1e-9)
        assert found["total"][video].item() == pytest.approx(sum(expected), abs=1e-9)


def test_gradients_stay_finite_at_the_ends_of_the_scores():
    logits = torch.tensor([[-200.0, 200.0, 200.0], [200.0, -200.0, -200.0]], requires_grad=True)
    scores = torch.sigmoid(logits)
    found = losses.by_videos(
        SnippetScores(scores[:, :-1], scores[:, -1], scores), torch.eye(2)[:1], packing=Packing([2]), top=8
    )
    found["total"].sum().backward()
    assert logits.grad.isfinite().all()
    assert F.relu(found["total"]).isfinite().all()


# --- points without times


@pytest.fixture
def project(tmp_path, demo_data) -> Path:
    """A configuration of a data set `mine` whose points.csv says the classes of each video alone."""
    root = tmp_path / "data"
    root.mkdir()
    for name in ("features", "gt_full.json", "split_train.txt", "split_test.txt"):
        (root / name).symlink_to(demo_data / name)
    database = json.loads((demo_data / "gt_full.json").read_text())["database"]
    train = (demo_data / "split_train.txt").read_text().split()
    rows = [f"{video},{a['label']}" for video in train for a in database[video]["annotations"]]
    (root / "points.csv").write_text("\n".join(["video,class", *rows]) + "\n")
    entry = {"root": "data", "snippet": {"frames": 16, "fps": 25}}
    short = {"stage1": {"iterations": 3}, "stage2": {"iterations": 3}}
    values = {"seeds": [0], "datasets": {"mine": entry | {"settings": short}}}
    (tmp_path / "extra.yaml").write_text(yaml.safe_dump(values))
    return tmp_path


def test_a_file_of_classes_alone_is_read(project, caplog):
    path = project / "data/points.csv"
    with path.open("a") as file:
        file.write("demo_train_000,no such class\ndemo_test_000,jump\n,jump\n")
    labels = configuration.Labels(on_fault="leave_out")
    converted = conversion.convert(splits.read(project / "data", labels))
    of_videos = converted.points["videos"]
    assert all({*point} == {"label"} for of_video in of_videos.values() for point in of_video)
    assert all(of_video == without_times(of_video) for of_video in of_videos.values())
    assert sum("no such class" in fault["what"] for fault in converted.points["left_out"]) == 1
    assert "ignored 1 points of 1 videos outside the training split" in caplog.text
    caplog.clear()
    conversion.warn_of_points(converted.annotations["database"], of_videos)
    assert caplog.text == ""  # a class that is marked marks all its instances


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("video,class,class", "no column 'seconds'"),
        ("video,time,class", "no column 'seconds'"),
        ("clip,class", "no column"),
    ],
)
def test_a_header_that_is_not_quite_that_of_classes_alone(tmp_path, header, message):
    (tmp_path / "points.csv").write_text(f"{header}\n" + ",".join(["x"] * len(header.split(","))) + "\n")
    with pytest.raises(InputError, match=message):
        points.read(tmp_path / "points.csv")


def test_where_times_are_asked_for_a_file_of_classes_alone_is_refused(tmp_path):
    (tmp_path / "points.csv").write_text("video,class\na,pour\n")
    with pytest.raises(InputError, match="has no times; expected a column `seconds`"):
        points.read_seconds(tmp_path / "points.csv", {"a": {}})


@pytest.mark.slow
def test_files_of_classes_alone(project, demo_data):
    targets = [
        "results/mine/train/labels.json",
        "results/mine/check.html",
        "results/mine-held/train/labels.json",
    ]
    result = snakemake(project, "--configfile=extra.yaml", "--", *targets)
    assert result.returncode == 0, result.stderr
    labels = json.loads((project / targets[0]).read_text())
    database = json.loads((demo_data / "gt_full.json").read_text())["database"]
    assert labels["videos"] == {
        video: [{"label": label} for label in sorted({a["label"] for a in database[video]["annotations"]})]
        for video in (demo_data / "split_train.txt").read_text().split()
    }
    held = json.loads((project / targets[2]).read_text())["videos"]
    assert 0 < len(held) < len(labels["videos"]) and held.items() <= labels["videos"].items()
    check = json.loads((project / "results/mine/check.json").read_text())
    assert check["points"]["timed"] is False and check["points"]["outside"] is None
    assert "the points have no times" in check["findings"][-1]["what"]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("mine/map.json", ["points.csv: has no times", "make results/mine/videos/map.json", "`seconds`"]),
        ("mine-held/lacp/map.json", ["points.csv: has no times", "make results/mine-held/videos/map.json"]),
        (
            "mine/video-labels/seed0/stage1-lacp/proposals-default/test/proposals.json",
            ["video-labels: variants.stage1.lacp is of the method lacp, which learns from points"],
        ),
        (
            "mine/video-labels/seed0/stage1-videos/proposals-default/stage2-default/model.pt",
            ["video-labels: variants.stage2.default is of the method hrpro, which learns from points"],
        ),
    ],
)
def test_what_needs_times_stops_with_one_line(project, target, words):
    result = snakemake(project, "--configfile=extra.yaml", "--dry-run", "--", f"results/{target}")
    assert result.returncode == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert all(word in line for word in words), line


@pytest.mark.parametrize("copy", [{"held_back": 0.25, "truth": "points"}, {"points": "uniform"}])
def test_a_copy_that_needs_times_is_refused(tmp_path, copy):
    labels = {"classes": CLASSES, "videos": {v: [{"label": label} for label in SHOWN[v]] for v in SHOWN}}
    entry = {"duration": 40.0, "annotations": [{"label": "pour", "segment": [1.0, 7.0]}], "ambiguous": []}
    database = {"database": {v: entry | {"subset": "train"} for v in SHOWN}}
    for name, content in (("points", labels), ("annotations", database)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    rows = {video: np.zeros((40, 2)) for video in SHOWN}
    options = {
        "split": "train",
        "annotations": tmp_path / "annotations.json",
        "points": tmp_path / "points.json",
        "features": write_features(tmp_path / "features.h5", rows, SECOND),
        "settings": json.dumps(copy),
    }
    outputs = {f"output-{name}": tmp_path / f"copy-{name}" for name in ("annotations", "points", "features")}
    words = itertools.chain(*((f"--{key}", value) for key, value in (options | outputs).items()))
    result = run_script("copy_dataset.py", *words)
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1
    setting = "truth: points" if "truth" in copy else "points: uniform"
    assert f"points have no times, which the copy's {setting} needs" in result.stderr


def test_ranking_is_asked_for_where_a_method_needs_it(tmp_path):
    paths = {name: tmp_path / f"{name}.json" for name in ("labels", "positive")}
    arguments = {"features": "f.h5", "scores": "s.h5", "seed": 0, "model": "m.pt", "events": "e"} | paths
    words = itertools.chain(*((f"--{key}", value) for key, value in arguments.items()))
    result = run_script("train_stage2.py", *words, "--settings", DEFAULT.stage2.model_dump_json())
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "error: --reliable, --negative: the method hrpro needs both; add them"
    ]


# --- what makes no sense in an experiment

STEPS = dict.fromkeys(("proposals", "detection", "evaluation"), "default")
ODD = {
    "HR-Pro's stage 2": (
        {"stage1": "videos", "stage2": "default"},
        "the method hrpro of variants.stage2.default learns from points; without them can: pmil",
    ),
    "the baseline": (
        {"stage1": "floor", "stage2": None},
        "the method linear of variants.stage1.floor learns from points; without them can: hrpro",
    ),
    "LACP": (
        {"stage1": "lacp", "stage2": None},
        "the method lacp of variants.stage1.lacp learns from points",
    ),
    "best on test": (
        {"stage1": "videos", "stage2": None, "best_on_test": True},
        "best_on_test is for experiments with points",
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_an_experiment_that_makes_no_sense_is_refused(name):
    values, message = ODD[name]
    experiments = {"odd": STEPS | values | {"supervision": "videos"}}
    with pytest.raises(InputError, match=re.escape(message)) as raised:
        parse(configuration.Config, {"experiments": experiments})
    assert "experiments.odd: " in str(raised.value)
