"""The pyramid as stage 3: cells, pseudo-segments, targets and losses by hand, training and merging."""

import contextlib
import itertools
import math

import numpy as np
import pytest
import torch

from conftest import run_script
from feature_files import write_features
from hrpro import config as configuration
from hrpro import inference, model_file, predict
from hrpro.data.features import FeatureFile
from hrpro.data.training_segments import TrainingSegments
from hrpro.detection.fusion import fuse
from hrpro.detection.segments import segments
from hrpro.detection.suppression import suppress
from hrpro.grid import Grid
from hrpro.instance import settings as instance
from hrpro.instance.model import InstanceModel
from hrpro.proposals.generation import propose_test
from hrpro.pyramid import losses, method
from hrpro.pyramid.dataset import Dataset, instances_of, pseudo_of
from hrpro.pyramid.layout import Cells, Layout, layout_of
from hrpro.pyramid.model import PyramidModel
from hrpro.pyramid.pseudo import Pseudo, pseudo_segment
from hrpro.pyramid.settings import Settings
from hrpro.pyramid.targets import targets_of
from hrpro.snippet import settings as snippet
from hrpro.snippet.model import SnippetModel
from hrpro.training.checkpoint import Checkpoint
from hrpro.training.task import Stage3Task
from hrpro.utils.errors import InputError
from killed import resumed

SNIPPET = Grid(25, 25)  # of one second: times in seconds are snippets
SMALL = {"width": 8, "iterations": 6, "batch": 3}

# --- cells


@pytest.mark.parametrize(
    ("lengths", "most", "expected"),
    [
        ([8, 8, 8], 6, (1, 1)),  # 8 cells are a half of 4: the first level's
        ([2, 2, 2], 6, (4, 1)),
        ([3, 3, 30], 6, (3, 5)),  # 27.3 snippets are 82 cells, a half of 41: up to 4 * 2^4
        ([3, 3, 30], 2, (3, 2)),
        ([100], 6, (1, 5)),
    ],
)
def test_the_median_segment_has_its_cells_and_the_long_ones_a_level(lengths, most, expected):
    assert layout_of(np.array(lengths), 8, most) == Layout(*expected)


def test_cells_of_two_videos():
    cells = Cells([3, 5], Layout(2, 3))
    assert cells.lengths == [8, 12]  # of 6 and 10, those that 4 divides
    assert [packing.lengths for packing in cells.packings] == [[8, 12], [4, 6], [2, 3]]
    inside = [part[:, 0].tolist() for part in cells.inside]
    assert inside[0] == [1] * 6 + [0] * 2 + [1] * 10 + [0] * 2
    assert inside[2] == [1, 1, 1, 1, 1]
    assert cells.centres.tolist()[:8] == [i + 0.5 for i in range(8)]
    assert cells.centres.tolist()[-5:] == [2, 6, 2, 6, 10]
    values = torch.tensor([0.0, 4, 8, 100, 200, 300, 400, 500]).unsqueeze(1)
    spread = cells.spread(values)[:, 0].tolist()
    assert spread[:8] == [0, 1, 3, 5, 7, 8, 0, 0]  # snippets stand at their centres; nothing past the end
    assert spread[8:11] == [100, 125, 175]


# --- pseudo-segments


def test_candidates_are_fused_by_score_and_tiou():
    candidates = segments([[0, 10], [0, 5], [8, 20], [2, 12]], [3] * 4, [0.6, 0.6, 0.5, 0.6])
    mean, inner, outer, agreement = pseudo_segment(candidates)
    # the best is the first; the third overlaps it by less than a half, the others by 1/2 and 8/12
    weight = np.array([1, 1 / 2, 2 / 3]) / (1 + 1 / 2 + 2 / 3)
    np.testing.assert_allclose(mean, [2 * weight[2], 10 * weight[0] + 5 * weight[1] + 12 * weight[2]])
    np.testing.assert_allclose([*inner, *outer], [2, 5, 0, 12])
    start, end = mean
    overlap = [(10 - start) / end, (5 - start) / end, (end - 2) / (12 - start)]
    overlap[0] = (end - start) / 10 if end < 10 else (10 - start) / end
    np.testing.assert_allclose(agreement, weight @ overlap)


# --- targets

PSEUDO = Pseudo(
    times=np.array([[2.0, 8], [3, 5], [0, 32]]),
    labels=np.array([0, 1, 1]),
    inner=np.array([[3.0, 7], [3, 5], [4, 30]]),
    outer=np.array([[0.0, 9], [3, 5], [0, 32]]),
    agreement=np.array([0.8, 1.0, 0.5]),
)


def test_targets_of_each_level():
    first, second, third = targets_of(PSEUDO, 32, 2, layout=Layout(1, 3), radius=1.5)
    # halves of 3 and 1 cells: the first level; cells 4 and 5 are within 1.5 of the middle 5, as is 3.5;
    # 3.5 and 4.5 are the shorter segment's, too
    assert first.classes[:, 0].nonzero()[0].tolist() == [3, 4, 5, 6]
    assert first.classes[:, 1].nonzero()[0].tolist() == [3, 4]
    np.testing.assert_allclose(first.offsets[3:7], [[0.5, 1.5], [1.5, 0.5], [3.5, 2.5], [4.5, 1.5]])
    np.testing.assert_allclose(first.weight[3:7], [1.0, 1.0, 0.8, 0.8])
    assert first.weight.nonzero()[0].tolist() == [3, 4, 5, 6]
    # between the hulls a class does not count: of class 0 before 3 and from 7 to 9, of class 1 at the ends
    assert (first.counted[:, 0] == 0).nonzero()[0].tolist() == [0, 1, 2, 7, 8]
    assert (first.counted[:, 1] == 0).nonzero()[0].tolist() == [0, 1, 2, 30, 31]
    assert not second.classes.any() and not second.weight.any()  # halves from 4 to 8
    # half of 16 cells: the third level, of strides 4; its middle 16 lies between the centres 14 and 18
    assert third.classes[:, 1].nonzero()[0].tolist() == [2, 3, 4, 5]
    np.testing.assert_allclose(third.offsets[2:6], [[10, 22], [14, 18], [18, 14], [22, 10]])
    assert third.weight.tolist() == [0, 0, 0.5, 0.5, 0.5, 0.5, 0, 0]


def test_a_segment_between_the_centres_of_cells_has_the_cell_of_its_middle():
    short = PSEUDO._replace(times=np.array([[5.6, 6.2], [-3, -2], [31.8, 40]]))
    [first] = targets_of(short, 32, 2, layout=Layout(1, 1), radius=0.1)
    assert first.weight.nonzero()[0].tolist() == [0, 5, 31]
    np.testing.assert_allclose(first.offsets[5], [0, 0.7], rtol=1e-6)  # no end on the wrong side


def test_a_half_of_4_cells_is_the_first_level_s():
    even = PSEUDO._replace(times=np.array([[2.0, 10], [3, 5], [0, 16]]))
    targets = targets_of(even, 32, 2, layout=Layout(1, 3), radius=1.5)
    assert [target.classes.any(0).tolist() for target in targets] == [[True] * 2, [False, True], [False] * 2]


def test_what_is_unknown_counts_in_no_class_but_where_a_segment_is():
    unknown = PSEUDO._replace(unknown=np.array([[4.5, 12.5]]))
    first, _, third = targets_of(unknown, 32, 2, layout=Layout(1, 3), radius=1.5)
    # cells 4 to 11 have their centres in it; those of a segment count for its class, as in the test above
    assert (first.counted[:, 0] == 0).nonzero()[0].tolist() == [0, 1, 2, 7, 8, 9, 10, 11]
    assert (first.counted[:, 1] == 0).nonzero()[0].tolist() == [0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 30, 31]
    assert (third.counted[:, 0] == 0).nonzero()[0].tolist() == [0, 1, 2]  # between the hulls, too


# --- losses


def test_the_focal_loss():
    logits = torch.tensor([0.0, 2.0, -2.0])
    target = torch.tensor([1.0, 0.0, 0.0])
    high, low = 1 / (1 + math.exp(-2)), 1 / (1 + math.exp(2))
    expected = [
        0.25 * 0.5**2 * math.log(2),
        0.75 * high**2 * -math.log(1 - high),
        0.75 * low**2 * -math.log(1 - low),
    ]
    np.testing.assert_allclose(losses.focal(logits, target, power=2.0, share=0.25), expected, rtol=1e-5)


def test_the_distance_of_two_segments():
    # about one cell: [-2, 2] and [-1, 3] share 3 of 5, their middles are 1 apart
    offsets, target = torch.tensor([[2.0, 2.0], [1.0, 1.0]]), torch.tensor([[1.0, 3.0], [1.0, 1.0]])
    distance = losses.distance_iou(offsets, target)
    np.testing.assert_allclose(distance, [1 - 3 / 5 + (1 / 5) ** 2, 0], atol=1e-6)


# --- training, detections


@pytest.fixture
def task(tmp_path):
    """A function that makes a training on some videos: snippets, candidates and points of each."""
    opened, numbers = contextlib.ExitStack(), itertools.count()
    lengths = {"short": 1, "long": 70, "usual": 30, "without": 9}
    times = {"short": [[0, 1]], "long": [[2, 9], [3, 8], [30, 60]], "usual": [[4, 12]], "without": []}
    points = {"short": [0.5], "long": [5, 40], "usual": [6], "without": [2]}

    def make(settings, videos=tuple(lengths), checkpoint=None, seed=0, same_action=1.0) -> Stage3Task:
        rng = np.random.default_rng(0)
        arrays = {video: rng.standard_normal((lengths[video], 5), dtype=np.float32) for video in videos}
        path = write_features(tmp_path / f"features{next(numbers)}.h5", arrays, SNIPPET)
        torch.manual_seed(seed)
        return Stage3Task(
            features=opened.enter_context(FeatureFile(path)),
            classes=["x", "y"],
            points={
                video: [{"label": "xy"[number], "seconds": at} for number, at in enumerate(points[video])]
                for video in videos
            },
            same_action=same_action,
            candidates={
                video: segments(
                    times[video], [0, 0, 1][: len(times[video])], [0.5, 0.4, 0.9][: len(times[video])]
                )
                for video in videos
            },
            settings=settings,
            rng=np.random.default_rng(seed),
            device=torch.device("cpu"),
            events=tmp_path / "events",
            checkpoint=checkpoint or Checkpoint(None, key="", every=60),
            cache_memory=1,
        )

    with opened:
        yield make


def test_a_video_in_a_batch_is_as_it_is_alone():
    torch.manual_seed(0)
    model = PyramidModel(2, 5, Settings(width=8), Layout(2, 3)).eval()
    lengths = [7, 1, 20]
    features = [torch.randn(length, 5) for length in lengths]
    cells = Cells(lengths, Layout(2, 3))
    together = model(torch.cat(features), cells)
    assert together.logits.shape == (sum(cells.lengths) * 7 // 4, 2)
    assert together.offsets.shape == (sum(cells.lengths) * 7 // 4, 2) and (together.offsets > 0).all()
    by_level = zip(
        *(
            torch.cat([together.logits, together.offsets], dim=1)
            .split([sum(packing.lengths) for packing in cells.packings])[level]
            .split(cells.packings[level].lengths)
            for level in range(3)
        ),
        strict=True,
    )
    for number, parts in enumerate(by_level):
        alone = model(features[number], Cells([lengths[number]], Layout(2, 3)))
        torch.testing.assert_close(torch.cat(parts), torch.cat([alone.logits, alone.offsets], dim=1))


def test_batches_hold_what_the_videos_have(task):
    dataset = Dataset(task(Settings(**SMALL, cells=4)))
    batch = dataset.batch([2, 0])  # usual, long
    assert dataset.videos == ["long", "short", "usual", "without"]
    assert batch.cells.snippets == [30, 70] and batch.features.shape == (100, 5)
    assert len(batch.targets.weight) == len(batch.cells.centres)
    level = torch.cat([torch.full((sum(p.lengths),), n) for n, p in enumerate(batch.cells.packings)])
    # 8 snippets about 8: a half of 4 cells is the first level's
    assert dataset.layout == Layout(1, 3)
    first = (level == 0).nonzero()[0]
    positive = batch.targets.classes[first : first + 30, 0].nonzero()[:, 0].tolist()
    assert positive == [6, 7, 8, 9]  # the centres 6.5 to 9.5 of 8
    outputs = dataset_outputs(dataset, batch)
    loss = losses.pyramid(outputs, batch, dataset.task.settings)
    assert loss["total"] == loss["classes"] + loss["regression"] > 0
    rows = batch.targets.weight.nonzero()[:, 0]
    weight = batch.targets.weight[rows]
    distance = losses.distance_iou(outputs.offsets[rows], batch.targets.offsets[rows])
    torch.testing.assert_close(loss["regression"], (distance * weight).sum() / weight.sum())


def test_points_of_one_action_make_one_segment(task):
    made = task(Settings(**SMALL), videos=("long",))
    twice = made._replace(points={"long": [{"label": "x", "seconds": at} for at in (5, 5.5, 6)]})
    counts = [len(pseudo_of(twice._replace(same_action=most), "long").labels) for most in (1.0, 0.0)]
    assert counts == [1, 2]  # 5 and 5.5 are in one snippet


def test_true_segments_take_the_place_of_pseudo_segments(task):
    known = {
        "long": [{"label": "y", "segment": [3.0, 33.5]}, {"label": "x", "segment": [40.0, 43.0]}],
        "usual": [],
        "without": [],
    }
    truth = TrainingSegments(["x", "y"], known, {"usual": [[0.0, 60.0]]})
    given = task(Settings(**SMALL, cells=4), videos=tuple(known))._replace(segments=truth, candidates={})
    of_long = instances_of(given, "long")
    assert of_long.times.tolist() == [[3, 33.5], [40, 43]] and of_long.labels.tolist() == [1, 0]
    assert of_long.agreement.tolist() == [1, 1] and not len(of_long.unknown)
    dataset = Dataset(given)
    assert dataset.layout == layout_of(np.array([30.5, 3.0]), 4, 6)
    batch = dataset.batch([dataset.videos.index("usual")])  # 60 s of which nothing is known
    assert not batch.targets.counted[: dataset.layout.scale * 30].any()
    batch = dataset.batch([dataset.videos.index("long")])
    assert batch.targets.classes.any(0).tolist() == [True, True]
    assert batch.targets.counted.all()  # there are no hulls to lie between
    assert all(value.isfinite().all() for value in method.train(given).state_dict().values())


def test_what_a_training_learns_from_is_given_whole(tmp_path):
    options = ["--features", "f", "--settings", "{}", "--seed", 0, "--model", "m", "--events", "e"]
    for labels, said in [
        ([], "--points, --segments: expected one of them"),
        (
            ["--points", "p", "--scores", "s"],
            "--points: needs --positive, --stage2, --detection, --same-action, too",
        ),
        (["--segments", "s", "--stage2", "m"], "--stage2: only with --points"),
    ]:
        run = run_script("train_stage3.py", *options, *labels)
        assert (run.returncode, run.stderr) == (1, f"error: {said}\n")


def test_bfloat16_with_cells_finer_than_snippets(task):
    settings = Settings(**SMALL, precision="bfloat16", cells=16)
    model = method.train(task(settings))
    assert model.layout.scale > 1
    assert all(value.isfinite().all() for value in model.state_dict().values())


def dataset_outputs(dataset: Dataset, batch):
    """What an untrained network says of a batch."""
    torch.manual_seed(0)
    return PyramidModel(2, 5, dataset.task.settings, dataset.layout)(batch.features, batch.cells)


def test_a_seed_fixes_a_training(task):
    first, second, other = (
        method.train(task(Settings(**SMALL), seed=seed)).state_dict() for seed in (0, 0, 1)
    )
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert not all(torch.equal(value, other[name]) for name, value in first.items())


def test_a_killed_training_ends_with_the_same_weights(task, tmp_path):
    settings = Settings(**SMALL)
    expected = method.train(task(settings)).state_dict()

    def train(checkpoint):
        return method.train(task(settings, checkpoint=checkpoint))

    model = resumed(train, tmp_path / "state.pt", 1, 3, 5)
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())


def test_without_a_candidate_there_is_nothing_to_learn(task):
    with pytest.raises(InputError, match=r"^no point of the training videos has a proposal that holds it; "):
        method.train(task(Settings(**SMALL), videos=("without",)))


def test_a_model_file_gives_back_the_detections(task, tmp_path):
    settings, path = Settings(**SMALL), tmp_path / "model.pt"
    model = method.train(task(settings))
    model_file.save(path, model, settings=settings, classes=["x", "y"], width=5, grid=SNIPPET)
    state = torch.get_rng_state()
    _, loaded = inference.of_file(path, "stage3", torch.device("cpu"))
    assert torch.equal(torch.get_rng_state(), state)  # so that what a training draws is the seed's alone
    features = np.random.default_rng(1).standard_normal((12, 5), dtype=np.float32)
    expected = method.find(model, features, SNIPPET)
    detections = method.find(loaded.model, features, SNIPPET)
    for part in ("times", "labels", "scores"):
        np.testing.assert_array_equal(getattr(detections, part), getattr(expected, part))
    assert len(detections) and detections.times.min() >= 0 and detections.times.max() <= 12
    assert (np.diff(detections.scores) <= 0).all() and (np.diff(detections.times) > 0).all()
    with pytest.raises(InputError, match="not a model of this version"):
        inference.of_file(path, "stage2", torch.device("cpu"))


def test_prediction_has_the_third_stage(tmp_path):
    torch.manual_seed(0)
    networks = {
        "stage1": (SnippetModel, snippet.Settings()),
        "stage2": (InstanceModel, instance.Settings()),
        "stage3": (PyramidModel, Settings(width=8)),
    }
    paths = {stage: tmp_path / f"{stage}.pt" for stage in networks}
    for stage, (network, settings) in networks.items():
        model = network(2, 5, settings, *([Layout(1, 2)] if stage == "stage3" else []))
        model_file.save(paths[stage], model, settings=settings, classes=["x", "y"], width=5, grid=SNIPPET)
    steps = {"features": {}, "proposals": {"class_score": 0.0}, "detection": {}}
    around = configuration.parse(configuration.Prediction, steps)
    predict.bundle(tmp_path / "two.pt", paths["stage1"], paths["stage2"], around)
    predict.bundle(tmp_path / "model.pt", paths["stage1"], paths["stage2"], around, paths["stage3"])
    assert set(model_file.read(tmp_path / "two.pt")) == {"stage1", "stage2", "settings"}
    two, model = (predict.load(tmp_path / name, "cpu") for name in ("two.pt", "model.pt"))
    features = np.random.default_rng(0).standard_normal((15, 5), dtype=np.float32)
    scores = model.stage1.score(features)
    [proposals] = propose_test([scores], SNIPPET, around.proposals)
    of_stage2 = two.stage2.candidates(
        features, scores, proposals=proposals, grid=SNIPPET, settings=around.detection
    )
    scored = model.stage3.detect(features, candidates=of_stage2, grid=SNIPPET, settings=around.detection)
    support = method.support(model.stage3.model, features, candidates=of_stage2.segments, grid=SNIPPET)
    np.testing.assert_array_equal(scored.scores, fuse(of_stage2, around.detection, support).scores)
    np.testing.assert_array_equal(scored.times, of_stage2.segments.times)
    assert (scored.scores != fuse(of_stage2, around.detection).scores).all()
    [(_, expected)] = suppress([("a", scored)], around.detection, {})
    detections = predict.predict(model, features)
    np.testing.assert_array_equal(detections.times, expected.times)
    np.testing.assert_array_equal(detections.scores, expected.scores)
    assert len(detections) and detections.scores.sum() != predict.predict(two, features).scores.sum()
    with pytest.raises(InputError, match=r"stage3\.pt: stage 3 scores stage 2's candidates; give stage 2's"):
        predict.bundle(tmp_path / "none.pt", paths["stage1"], None, around, paths["stage3"])
    content = model_file.read(tmp_path / "two.pt")
    del content["stage2"]
    model_file.write(tmp_path / "damaged.pt", content)
    with pytest.raises(InputError, match="it lacks 'stage2'"):
        predict.load(tmp_path / "damaged.pt", "cpu")


def test_candidates_are_supported_by_detections_of_their_class():
    candidates = segments([[0, 10], [20, 30], [20, 30]], [0, 1, 0], [0.9, 0.5, 0.5])
    detections = segments([[0, 8], [5, 10], [20, 30]], [0, 0, 0], [0.4, 0.2, 1.0])
    one_of_two = 1 - (1 - 0.4 * 0.8**4) * (1 - 0.2 * 0.5**4)
    np.testing.assert_allclose(method.support_by(detections, candidates), [one_of_two**0.5, 0, 1])


# --- configuration

BASE = {"stage1": "default", "proposals": "default", "detection": "default", "evaluation": "default"}


@pytest.mark.parametrize(
    ("experiment", "said"),
    [
        (
            {"mine": {"stage2": None}},
            "experiments.mine: stage3 learns from stage 2's candidates; set stage3: nu",
        ),
        (
            {"mine": {"best_on_test": True}},
            "experiments.mine: stage3 cannot have best_on_test; set stage3: null",
        ),
        ({"mine": {"stage3": "other"}}, "experiments.mine.stage3: no variant 'other' (there are: default)"),
    ],
)
def test_what_a_third_stage_needs(experiment, said):
    [(name, changes)] = experiment.items()
    entry = BASE | {"stage2": "default", "stage3": "default"} | changes
    with pytest.raises(InputError) as error:
        configuration.parse(configuration.Config, {"experiments": {name: entry}})
    assert said in str(error.value)


def test_the_default_may_have_one_beside_its_ablation():
    values = {"experiments": {"default": {"stage3": "default"}}}
    made = configuration.parse(configuration.Config, values)
    assert made.experiment("default").stage3 == made.experiment("without_fusion").stage3 == "default"
    assert made.experiment("alone_fusion").stage3 is None
    values["ablation"] = {"default": {"cells": {"stage3": ["cells"]}}}
    with pytest.raises(InputError, match=r"ablation\.default: needs .* with one method of stage3, or none"):
        configuration.parse(configuration.Config, values)


def test_settings_of_a_data_set_reach_the_third_stage():
    values = {
        "datasets": {
            "mine": {
                "root": "x",
                "snippet": {"frames": 16, "fps": 25},
                "settings": {"stage3": {"iterations": 7}},
            }
        }
    }
    made = configuration.parse(configuration.Config, values)
    assert made.step("mine", "stage3", "default") == Settings(iterations=7)
    values["datasets"]["mine"]["settings"]["stage3"]["method"] = "hrpro"
    with pytest.raises(InputError, match=r"settings\.stage3\.method: 'hrpro': Input should be 'pyramid'"):
        configuration.parse(configuration.Config, values)
