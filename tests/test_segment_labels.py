"""True segments as supervision: what the chain `segment-labels` learns from, and that no other one does."""

import json
import re
import shutil
from collections import Counter

import numpy as np
import pytest
import torch
import yaml

from conftest import run_script, snakemake
from feature_files import write_features
from hrpro import config as configuration
from hrpro.config import parse
from hrpro.data import scores, training_segments
from hrpro.data.features import FeatureFile
from hrpro.data.scores import Scores
from hrpro.data.training_points import TrainingPoints
from hrpro.detection import results
from hrpro.detection.segments import segments
from hrpro.grid import Grid
from hrpro.layers.packing import Packing
from hrpro.layers.scores import SnippetScores
from hrpro.snippet import losses
from hrpro.training import seeds
from hrpro.training.dataset import Dataset
from hrpro.training.task import Stage1Task
from hrpro.utils.errors import InputError
from test_invalidation import annotation, planned

TWO_SECONDS = Grid(50, 25)  # snippets of two seconds: their centres are at 1, 3, 5, ... s
CLASSES = ["pour", "stir"]
SETTINGS = configuration.Config().settings.stage1


def segment(label: str, start: float, end: float) -> dict:
    return {"label": label, "segment": [start, end]}


# Of 6 snippets pour has those with centres at 3 and 5 s, and stir that at 5 s too; those at 7 and 9 s are
# ambiguous, but a stir from 9.2 to 9.6 s, which holds no centre, has the latter: it is at its middle.
OF_VIDEO = [segment("pour", 2.9, 6.9), segment("stir", 3.5, 5.1), segment("stir", 9.2, 9.6)]
AMBIGUOUS = [[6.5, 10.5]]
ACTION = [[0, 0], [1, 0], [1, 1], [0, 0], [0, 1], [0, 0]]
BACKGROUND = [1, 0, 0, 0, 0, 1]


def test_seeds_by_hand():
    action, background = seeds.of_segments(OF_VIDEO, CLASSES, ambiguous=AMBIGUOUS, length=6, grid=TWO_SECONDS)
    assert action.tolist() == ACTION
    assert background.tolist() == BACKGROUND


def test_a_segment_holds_the_centre_at_its_start_and_not_that_at_its_end():
    action, background = seeds.of_segments(
        [segment("pour", 3, 5), segment("stir", 30, 40)], CLASSES, ambiguous=[], length=4, grid=TWO_SECONDS
    )
    assert action.tolist() == [[0, 0], [1, 0], [0, 0], [0, 1]]  # one past the features has the last snippet
    assert background.tolist() == [1, 0, 1, 0]


def test_a_video_without_a_segment_is_background():
    action, background = seeds.of_segments([], CLASSES, ambiguous=[], length=3, grid=TWO_SECONDS)
    assert not action.any() and background.all()


def task(path, known: training_segments.TrainingSegments) -> Stage1Task:
    """A training of stage 1 by true segments; the features of the videos are at the path."""
    settings = {"classes": known.classes, "settings": SETTINGS, "rng": np.random.default_rng(0)}
    rest = dict.fromkeys(("events", "checkpoint", "test"))
    return Stage1Task(
        features=FeatureFile(path),
        points=known.videos,
        device=torch.device("cpu"),
        cache_memory=1,
        segments=known,
        **settings,
        **rest,
    )


def test_batches_have_the_seeds_of_their_videos_end_to_end(tmp_path):
    rows = {"a": np.zeros((6, 3)), "b": np.zeros((2, 3))}
    path = write_features(tmp_path / "features.h5", rows, TWO_SECONDS)
    videos = {"a": OF_VIDEO, "b": [segment("stir", 0, 2)]}
    dataset = Dataset(task(path, training_segments.TrainingSegments(CLASSES, videos, {"a": AMBIGUOUS})))
    assert dataset.timed
    for numbers in ([1, 0], [1, 0]):  # once more of what is kept
        batch = dataset.batch(numbers)
        assert batch.points.tolist() == [[0, 1], [0, 0], *ACTION]
        assert batch.background.tolist() == [0, 1, *BACKGROUND]
        assert batch.present.tolist() == [[0, 1], [1, 1]]


def test_losses_of_true_segments_mine_nothing():
    """B says that all is background; the seeds are those that are known, and so are the losses on them."""
    generator = torch.Generator().manual_seed(0)
    classes = torch.rand(6, 2, generator=generator)
    certain = torch.full((6,), 0.99)
    action, background = torch.tensor(ACTION, dtype=torch.float32), torch.tensor(BACKGROUND) * 1.0
    values, memory = losses.stage1(
        SnippetScores(classes, certain, torch.rand(6, 4, generator=generator)),
        action,
        torch.rand(2, 4, generator=generator),
        packing=Packing([6]),
        settings=SETTINGS,
        background=background,
    )
    fused = torch.cat([classes * 0.01, certain[:, None]], dim=1).double()
    target = torch.cat([torch.zeros(6, 2), torch.ones(6, 1)], dim=1).double()
    weight = ((1 - fused) * target + fused * (1 - target)) ** 2
    entropy = -(target * fused.log() + (1 - target) * (1 - fused).log())
    of_snippets = (weight * entropy).sum(1)[[0, 5]]
    assert values["background"].item() == pytest.approx(of_snippets.mean().item(), rel=1e-4)
    assert values["contrastive"].item() > 0 and memory.shape == (2, 4)


# --- segments.json


def database(**annotations) -> dict:
    """An annotations.json's database of training videos of 20 s."""
    return {
        video: {"subset": "train", "duration": 20.0, "annotations": of_video, "ambiguous": []}
        for video, of_video in annotations.items()
    }


def test_a_video_with_points_and_no_segment_teaches_nothing(caplog):
    known = database(a=OF_VIDEO, b=[], c=[])
    known["a"]["ambiguous"] = AMBIGUOUS
    points = {"a": [{"label": "pour", "seconds": 3.0}], "b": [{"label": "stir", "seconds": 1.0}], "c": []}
    found = training_segments.of_split(known, TrainingPoints(CLASSES, points, []), "annotations.json")
    assert found.videos == {"a": OF_VIDEO, "b": [], "c": []}
    assert found.ambiguous == {"a": AMBIGUOUS, "b": [[0.0, 40.0]]}
    assert "1 training videos have points and no segment, and teach nothing here: 'b'" in caplog.text


def test_a_split_without_segments_is_refused_in_two_lines():
    points = TrainingPoints(CLASSES, {"a": [{"label": "pour", "seconds": 3.0}]}, [])
    with pytest.raises(InputError) as caught:
        training_segments.of_split(database(a=[]), points, "annotations.json")
    first, second = str(caught.value).splitlines()
    assert first.startswith("annotations.json: no training video has a segment") and "add some" in second


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"videos": {"a": [{"label": "pour"}]}}, r"""'a': expected a list of \{"label", "segment"""),
        ({"ambiguous": {"a": [[5, 3]]}}, '"ambiguous" is not'),
        ({"videos": {"b": []}}, "no video 'a'"),
    ],
)
def test_another_file_in_place_of_segments(tmp_path, change, message):
    content = {"classes": CLASSES, "videos": {"a": OF_VIDEO}, "ambiguous": {}}
    path = tmp_path / "segments.json"
    path.write_text(json.dumps(content))
    assert training_segments.read(path, ["a"]).videos["a"] == OF_VIDEO
    path.write_text(json.dumps(content | change))
    with pytest.raises(InputError, match=message):
        training_segments.read(path, ["a"])


# --- the steps


def test_true_segments_are_reliable_and_negatives_lie_outside_of_them(tmp_path):
    features = write_features(tmp_path / "features.h5", {"a": np.zeros((6, 3))}, TWO_SECONDS)
    with FeatureFile(features) as file:
        as_background = Scores(np.full((6, 2), 0.5), np.full(6, 0.5), np.full(2, 0.5))
        thresholds = {"background": 0.1, "action": 0.1}  # by B all would be background
        scores.write(
            tmp_path / "scores.h5", file, lambda rows: as_background, classes=CLASSES, thresholds=thresholds
        )
    content = {"classes": CLASSES, "videos": {"a": OF_VIDEO}, "ambiguous": {"a": AMBIGUOUS}}
    (tmp_path / "segments.json").write_text(json.dumps(content))
    positive = segments([[0.0, 4.0]] * 400, [0] * 400, [0.5] * 400)
    results.write(tmp_path / "positive.json", [("a", positive)], CLASSES)
    options = ["--scores", tmp_path / "scores.h5", "--positive", tmp_path / "positive.json", "--seed", 0]
    outputs = ["--reliable", tmp_path / "reliable.json", "--negative", tmp_path / "negative.json"]
    known = ["--segments", tmp_path / "segments.json"]
    run = run_script("rank_proposals.py", *options, *known, *outputs, "--settings", "{}")
    assert (run.returncode, run.stderr) == (0, "")
    reliable = results.read(tmp_path / "reliable.json", CLASSES)["a"]
    assert reliable.times.tolist() == [each["segment"] for each in OF_VIDEO]
    assert reliable.labels.tolist() == [0, 1, 1]
    negative = results.read(tmp_path / "negative.json", CLASSES)["a"]
    assert len(negative) == 200 and (negative.labels == -1).all()
    assert {tuple(times) for times in negative.times.tolist()} == {(0.0, 2.0), (10.0, 12.0)}


@pytest.mark.parametrize(
    ("script", "words", "message"),
    [
        (
            "train_stage1.py",
            ["--points", "p", "--segments", "s"],
            "--points, --segments: expected one of them",
        ),
        ("train_stage1.py", [], "--points, --segments: expected one of them"),
        (
            "train_stage1.py",
            ["--segments", "s", "--settings", '{"method": "lacp"}'],
            "--segments: the method lacp learns from points; give --points",
        ),
        ("rank_proposals.py", [], "--points, --segments: expected one of them"),
    ],
)
def test_a_step_takes_points_or_segments(script, words, message):
    others = {
        "train_stage1.py": ["--features", "f", "--model", "m", "--events", "e"],
        "rank_proposals.py": ["--scores", "s", "--positive", "p", "--reliable", "r", "--negative", "n"],
    }
    run = run_script(script, *others[script], "--settings", "{}", "--seed", 0, *words)
    assert run.stderr.splitlines() == [f"error: {message}"]


# --- the graph


def jobs_of(plan) -> list[tuple[str, str, str]]:
    """The jobs of a plan: rule, inputs and outputs."""
    text = plan.stdout + plan.stderr
    assert plan.returncode == 0, text
    return re.findall(r"^(?:local)?rule (\w+):\n    input: (.*)\n    output: (.*)$", text, re.M)


def test_true_segments_reach_that_chain_and_no_other(tmp_path):
    fewer = {"copies": {"points20": None, "points50": None}, "experiments": {"videos": None}}
    (tmp_path / "extra.yaml").write_text(yaml.safe_dump(fewer))
    plan = snakemake(tmp_path, "--configfile=extra.yaml", "--dry-run", "--", "results/demo/labelling.svg")
    jobs = jobs_of(plan)
    by_truth = {rule for rule, inputs, _ in jobs if "demo/train/annotations.json" in inputs}
    copies = {"copy_training_split", "copy_test_split"}  # which is held-back videos with their points
    assert by_truth == {"label_segments", *copies, "measure_reliable", "compare_labels"}
    chain = "results/demo/segment-labels/seed0/stage1-default/"
    learning = {
        rule: inputs for rule, inputs, output in jobs if output.startswith(chain) and "test/" not in output
    }
    by_segments = [inputs for _, inputs, _ in jobs if "segments.json" in inputs]
    steps = ("train_stage1", "propose_training", "rank_proposals", "train_stage2", "train_stage3")
    assert sorted(by_segments) == sorted(learning[step] for step in steps)
    for step in steps:  # points say the names of the classes, and nothing else
        assert not any(name in learning[step] for name in ("points.json", "labels.json", "test/"))
    assert not any(name in learning["train_stage3"] for name in ("scores.h5", "positive.json", "model.pt"))


@pytest.fixture
def without_segments(tmp_path, demo_data):
    """A configuration of a data set `mine` whose training videos have points alone."""
    root = tmp_path / "data"
    root.mkdir()
    for name in ("features", "split_train.txt", "split_test.txt", "point_labels"):
        (root / name).symlink_to(demo_data / name)
    content = json.loads((demo_data / "gt_full.json").read_text())
    for video in (demo_data / "split_train.txt").read_text().split():
        content["database"][video]["annotations"] = []
    (root / "gt_full.json").write_text(json.dumps(content))
    values = {"datasets": {"mine": {"root": "data", "snippet": {"frames": 16, "fps": 25}}}}
    (tmp_path / "extra.yaml").write_text(yaml.safe_dump(values))
    return tmp_path


def test_a_data_set_without_training_segments_stops_with_two_lines(without_segments):
    run = snakemake(
        without_segments, "--configfile=extra.yaml", "--dry-run", "--", "results/mine/full/map.json"
    )
    assert run.returncode == 1
    text = run.stderr[run.stderr.index("error: ") :].splitlines()
    assert text[0].startswith("error: data set mine: no training video has a segment")
    assert "make results/mine/map.json, which learns from points" in text[1]
    assert len(text) == 2


def compared_maps(folder, values: dict) -> list[str]:
    """The map.json files that the figure of the data set `mine` compares, under results/."""
    (folder / "extra.yaml").write_text(yaml.safe_dump({"datasets": values}))
    target = "results/mine/labelling.svg"
    jobs = jobs_of(snakemake(folder, "--configfile=extra.yaml", "--dry-run", "--", target))
    (inputs,) = [inputs for rule, inputs, _ in jobs if rule == "compare_labels"]
    return [path.split("/", 1)[1] for path in inputs.split(", ") if path.endswith("map.json")]


SHARES = [f"mine-points{share}/map.json" for share in (10, 20, 50)]


@pytest.mark.slow
def test_labels_are_compared_without_segments_where_there_are_none(without_segments):
    entry = yaml.safe_load((without_segments / "extra.yaml").read_text())["datasets"]
    assert compared_maps(without_segments, entry) == [*SHARES, "mine/map.json", "mine/videos/map.json"]


@pytest.mark.slow
def test_data_sets_of_the_same_videos_by_other_points_are_compared(tmp_path, demo_data):
    entry = {"root": str(demo_data), "snippet": {"frames": 16, "fps": 25}}
    values = {
        "mine": entry,
        "mine-centre": entry | {"points": {"from": "segments", "distribution": "centre"}, "source": "mine"},
        "wider": entry | {"snippet": {"frames": 16, "fps": 25, "window": 32}},
    }
    of_mine = ["mine/map.json", "mine/videos/map.json", "mine/full/map.json"]
    assert compared_maps(tmp_path, values) == [*SHARES, *of_mine, "mine-centre/map.json"]


@pytest.mark.slow
def test_an_edit_of_a_training_segment_trains_that_chain_again_and_no_other(finished_run, tmp_path):
    folder, target = shutil.copytree(finished_run, tmp_path / "run"), "results/mine/full/map.json"
    run = snakemake(folder, "--configfile=extra.yaml", "--", target, snakefile=folder / "Snakefile")
    assert run.returncode == 0, run.stderr
    assert planned(folder, target) == Counter()
    annotation("test")(folder)
    assert planned(folder, target) == Counter(
        {"convert_annotations": 1, "evaluate": 3, "gather_experiment": 1}
    )
    annotation("train")(folder)
    assert planned(folder, target) == Counter(
        convert_annotations=2,
        label_segments=1,
        train_stage1=1,
        score_snippets=2,
        propose_training=1,
        rank_proposals=1,
        propose_test=1,
        detect_stage1=1,
        train_stage2=1,
        detect_stage2=1,
        train_stage3=1,
        detect_stage3=1,
        evaluate=3,
        gather_experiment=1,
    )
    assert "train_stage1" not in planned(folder, "results/mine/map.json")


# --- what makes no sense in an experiment

STEPS = dict.fromkeys(("stage1", "proposals", "stage2", "detection", "evaluation"), "default")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"stage1": "lacp"},
            "the method lacp of variants.stage1.lacp learns from points; without them can: hrpro",
        ),
        (
            {"stage1": "floor", "stage2": None},
            "the method linear of variants.stage1.floor learns from points",
        ),
        ({"best_on_test": True}, "remove it, or `supervision: segments`"),
    ],
)
def test_an_experiment_that_makes_no_sense_is_refused(values, message):
    experiments = {"odd": STEPS | {"supervision": "segments"} | values}
    with pytest.raises(InputError, match=re.escape(message)):
        parse(configuration.Config, {"experiments": experiments})


def test_stage_2_of_videos_may_follow():
    experiments = {"other": STEPS | {"supervision": "segments", "stage2": "pmil"}}
    assert parse(configuration.Config, {"experiments": experiments})
