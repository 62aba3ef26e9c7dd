"""LACP as stage 1: the released program's numbers (tests/data/lacp.npz), and what departs from it."""

import contextlib
import itertools
import re
import time

import numpy as np
import pytest
import torch

import oracle
from feature_files import write_features
from goldens import DATA
from hrpro import config as configuration
from hrpro import inference, model_file
from hrpro.data.features import FeatureFile
from hrpro.data.scores import Scores
from hrpro.detection import suppression
from hrpro.detection.segments import segments
from hrpro.grid import Grid
from hrpro.lacp import instances as lacp_instances
from hrpro.lacp import losses, method, search
from hrpro.lacp.model import LacpModel
from hrpro.lacp.settings import Settings
from hrpro.lacp.training import label_videos
from hrpro.layers.packing import Packing
from hrpro.layers.scores import video_scores
from hrpro.proposals import generation
from hrpro.training.checkpoint import Checkpoint
from hrpro.training.task import Stage1Task
from hrpro.utils.errors import InputError
from killed import resumed

LACP = np.load(DATA / "lacp.npz", allow_pickle=False)
VIDEOS, CLASSES, WIDTH, HIDDEN = range(6), 4, 32, 24
LOSSES = {
    "video": "loss_vid",
    "frame": "loss_frame",
    "background": "loss_frame_bkg",
    "score": "loss_score",
    "feature": "loss_feat",
    "total": "loss_total",
}
PARAMETERS = {
    "embed.weight": "conv_1.0.weight",
    "embed.bias": "conv_1.0.bias",
    "classifier.weight": "classifier.0.weight",
}


def close(actual, expected, tolerance: float = 1e-5) -> None:
    """Relative to the largest expected value."""
    actual = torch.as_tensor(actual).detach().double()
    expected = torch.as_tensor(expected, dtype=torch.float64).reshape(actual.shape)
    assert (actual - expected).abs().max() <= tolerance * max(expected.abs().max(), 1e-30)


def parameters(prefix: str) -> dict[str, torch.Tensor]:
    """A set of the golden parameters under our names."""
    values = {our: torch.tensor(LACP[f"{prefix}/cls_module.{their}"]) for our, their in PARAMETERS.items()}
    return values | {"classifier.weight": values["classifier.weight"].squeeze(-1)}


def of_videos(numbers, name: str) -> list[np.ndarray]:
    return [LACP[f"v{number}/{name}"] for number in numbers]


def packed(numbers, name: str) -> torch.Tensor:
    return torch.tensor(np.concatenate(of_videos(numbers, name)), dtype=torch.float32)


def packing_of(numbers) -> Packing:
    return Packing([len(features) for features in of_videos(numbers, "features")])


@pytest.fixture(scope="module")
def settings(released_lacp) -> Settings:
    return released_lacp.model_copy(update={"hidden": HIDDEN, "dropout": 0.0})


@pytest.fixture(scope="module")
def released_lacp(config) -> Settings:
    return config.step("thumos", "stage1", "lacp_released")


@pytest.fixture
def model(settings) -> LacpModel:
    network = LacpModel(CLASSES, WIDTH, settings)
    network.load_state_dict(parameters("init"))
    return network


# --- the network and its losses, packed


def test_outputs_of_one_packed_batch(model):
    packing = packing_of(VIDEOS)
    scores = model(packed(VIDEOS, "features"), packing)
    present = torch.tensor(np.stack(of_videos(VIDEOS, "video_label")))
    training = video_scores(scores.classes, packing, 8, present)
    testing = video_scores(scores.classes, packing, 8)
    for i, (fused, embedding) in enumerate(
        zip(packing.split(scores.fused), packing.split(scores.embedding), strict=True)
    ):
        close(fused, LACP[f"v{i}/cas_fused"])
        close(embedding, LACP[f"v{i}/embedding"])
        close(training[i], LACP[f"v{i}/video_score_train"])
        close(testing[i], LACP[f"v{i}/video_score_eval"])


def golden_losses(model, numbers, rows: list[np.ndarray], draws: list[np.ndarray]) -> dict:
    """The losses of some golden videos; draws: of each one, in snippets of its own."""
    packing = packing_of(numbers)
    first = np.cumsum([0, *packing.lengths[:-1]])
    return losses.lacp(
        model(packed(numbers, "features"), packing),
        packed(numbers, "point_label"),
        packing=packing,
        instances=lacp_instances.pack(rows, packing.lengths, model.settings),
        draws=np.concatenate([each.reshape(-1, 3) + at for each, at in zip(draws, first, strict=True)]),
        settings=model.settings,
    )


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("numbers", [VIDEOS, *([i] for i in VIDEOS)])
def test_losses_and_gradients(model, numbers, when):
    dense = of_videos(numbers, "dense_label")
    rows = [lacp_instances.runs(label * (when == "after"), drops_last=True) for label in dense]
    found = golden_losses(model, numbers, rows, of_videos(numbers, f"{when}/draws"))
    for our, their in LOSSES.items():
        close(found[our], [LACP[f"v{i}/{when}/{their}"].item() for i in numbers])
    if f"v{numbers[0]}/{when}/grad/cls_module.conv_1.0.bias" in LACP and len(numbers) == 1:
        found["total"].sum().backward()
        expected = parameters(f"v{numbers[0]}/{when}/grad")
        for name, parameter in model.named_parameters():
            close(parameter.grad, expected[name])


@pytest.mark.parametrize("case", range(11), ids=[str(name) for name in LACP["contrast/name"]])
def test_contrasts_of_chosen_labels(settings, case):
    def golden(name):
        return LACP[f"contrast/{case}/{name}"]

    fused, embedding = (torch.tensor(golden(name), requires_grad=True) for name in ("cas_fused", "features"))
    rows = lacp_instances.runs(golden("dense_label") * golden("video_label"), drops_last=True)
    instances = lacp_instances.pack([rows], [24], settings)
    draws = golden("draws").reshape(-1, 3)
    assert len(draws) == len(instances)
    score = losses.score_contrast(fused[:, :-1], instances, 1)
    feature = losses.feature_contrast(
        embedding, draws, instances, 1, temperature=settings.temperature, contrast_of="last"
    )
    close(score, golden("loss_score"))
    close(feature, golden("loss_feat"))
    (score + feature).sum().backward()
    close(fused.grad, golden("grad_cas_fused"))
    close(torch.zeros(24, 10) if embedding.grad is None else embedding.grad, golden("grad_features"))


def test_nine_steps_of_training_with_three_searches(model):
    model.load_state_dict(parameters("trace/init"))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=5e-4)
    rows = [np.zeros((0, 4), dtype=int)] * len(VIDEOS)
    draws = iter(LACP["trace/draws"].reshape(-1, 3))
    for step, order in enumerate(LACP["trace/order"], 1):
        of_step = [np.array([next(draws) for _ in rows[i]]).reshape(-1, 3) for i in order]
        found = golden_losses(model, order, [rows[i] for i in order], of_step)
        optimizer.zero_grad()
        found["total"].mean().backward()
        optimizer.step()
        for our, their in LOSSES.items():
            close(found[our].mean(), LACP[f"trace/loss_{their}"][step - 1], 1e-4)
        if f"trace/search{step}/v0" in LACP:
            packing = packing_of(VIDEOS)
            dense = label_videos(model, packed(VIDEOS, "features"), packed(VIDEOS, "point_label"), packing)
            for i in VIDEOS:
                np.testing.assert_array_equal(dense[i], LACP[f"trace/search{step}/v{i}"])
            rows = [lacp_instances.runs(label, drops_last=True) for label in dense]
            model.train()
    assert next(draws, None) is None
    for name, expected in parameters("trace/final").items():
        close(model.get_parameter(name), expected, 1e-4)


# --- the search

CASES = [f"seq/{i}" for i in range(int(LACP["seq/count"]))] + [f"v{i}" for i in VIDEOS]


def found_by(kind: str, settings: Settings, **changes):
    """The search of a kind, with a whole problem as the arguments."""
    settings = settings.model_copy(update={"search": kind, **changes})
    return lambda *problem: search.label_video(*problem, settings)


def test_the_beam_is_the_released_one_and_the_exact_search_never_worse(settings):
    searches = better = 0
    for case in CASES:
        problem = (
            LACP[f"{case}/cas_fused"][:, :-1],
            LACP[f"{case}/action_seed"],
            LACP[f"{case}/background_seed"],
        )
        budget = int(LACP.get(f"{case}/budget", 25))
        dense, scores = found_by("beam", settings, budget=budget)(*problem)
        np.testing.assert_array_equal(dense, LACP[f"{case}/dense_label"], err_msg=case)
        assert np.mean([*scores.values()]) == pytest.approx(LACP[f"{case}/sequence_score"], abs=1e-6)
        _, exact = found_by("exact", settings)(*problem)
        assert exact.keys() == scores.keys()
        assert all(exact[label] >= score - 1e-12 for label, score in scores.items())
        searches += len(scores)
        better += sum(exact[label] > score + 1e-9 for label, score in scores.items())
    assert (searches, better) == (83, 20)


def by_hand(values: np.ndarray, start: int, end: int, kind: str) -> float:
    """R of [start, end), as baselines.md A.4 says it; even flanks are as long as its left one."""
    size, last = end - start, end - 1
    low, high = max(0, int(start - size / 4)), min(len(values) - 1, int(last + size / 4))
    if kind == "even":
        low, high = max(0, start - -(-size // 4)), min(len(values) - 1, last - (-size // 4))
    outside = np.append(values[low:start], values[end : high + 1])
    return values[start:end].mean() - (outside.mean() if len(outside) else 0)


@pytest.mark.parametrize("kind", ["even", "released"])
def test_the_exact_search_finds_what_trying_all_finds(kind):
    rng, settings = np.random.default_rng(0), Settings(flanks=kind)
    for _ in range(150):
        length, classes = int(rng.integers(1, 16)), int(rng.integers(1, 3))
        points = (rng.random((length, classes)) < 0.2).astype(np.float32)
        points[rng.integers(length), 0] = 1
        background = (rng.random(length) < 0.25) & ~points.any(1)
        activation = rng.random((length, classes)).round(int(rng.integers(1, 9)))  # with ties now and then
        dense, scores = search.label_video(activation, points, background, settings)
        for label, score in scores.items():
            chain = search.chain_of(points, background, label)
            allowed = (range(a, b + 1) for a, b in zip(chain.first, chain.last, strict=True))
            tried = [
                np.mean(
                    [
                        by_hand(activation[:, label] if one else 1 - activation[:, label], a, b, kind)
                        for one, a, b in zip(chain.labels, starts, [*starts[1:], length], strict=True)
                    ]
                )
                for starts in itertools.product(*allowed)
            ]
            assert score == pytest.approx(max(tried), abs=1e-12)
            assert dense[points[:, label] > 0, label].all()
            assert not dense[background | (points.any(1) & (points[:, label] == 0)), label].any()


def test_a_long_video_is_searched_at_once(monkeypatch):
    rng = np.random.default_rng(0)
    activation = rng.random((2600, 1))
    points, background = np.zeros((2600, 1)), np.zeros(2600)
    points[20::43] = 1
    background[[0, *range(41, 2600, 43)]] = 1
    assert points.sum() == 60
    before = time.process_time()
    dense, _ = search.label_video(activation, points, background, Settings())
    assert time.process_time() - before < 0.2
    monkeypatch.setattr(search, "CELLS", 100)  # a few starts at a time
    again, _ = search.label_video(activation, points, background, Settings())
    np.testing.assert_array_equal(again, dense)


def test_equal_hypotheses_do_not_multiply():
    points, background = np.zeros((200, 1)), np.zeros(200)
    points[5::20], background[15::20] = 1, 1
    dense, scores = search.label_video(np.zeros((200, 1)), points, background, Settings(search="beam"))
    assert dense[5::20].all() and not dense[15::20].any()
    assert np.isfinite(scores[0])


# --- instances and their contrasts, against plain loops


def plain_contrasts(activation, embedding, dense, draws, settings) -> tuple[float, float]:
    """The score and feature contrast of a video with one instance after the other."""
    outer, classes, draws = {0: [], 1: []}, [], iter(draws)
    for label in range(dense.shape[1]):
        column = dense[:, label]
        if column.min() == column.max():
            continue
        parts = np.split(np.arange(len(column)), np.flatnonzero(np.diff(column)) + 1)
        if settings.drops_last:
            parts = [part[part < len(column) - 1] for part in parts]
        parts = [part for part in parts if len(part)]
        values = [1 - activation[:, label], activation[:, label]]
        vectors = [embedding[next(draws)].mean(0) for _ in parts]
        vectors = [vector / np.linalg.norm(vector) for vector in vectors]
        signs = [column[part[0]] for part in parts]
        for part, sign in zip(parts, signs, strict=True):
            outer[sign].append(1 - by_hand(values[sign], part[0], part[-1] + 1, settings.flanks))
        terms = []
        for j, sign in enumerate(signs):
            weights = [np.exp(x @ vectors[j] / settings.temperature) for x in vectors]
            weights[j] = 0
            if sign and sum(signs) > 1:
                terms.append(-np.log(np.dot(signs, weights) / sum(weights)))
        if terms:
            classes.append(np.mean(terms))
    of_kind = [np.mean(values) if values else 0.0 for values in outer.values()]
    if settings.contrast_of == "last":
        classes = classes[-1:]
    return sum(of_kind) ** 2, np.mean(classes) if classes else 0.0


@pytest.mark.parametrize("released", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_contrasts_of_packed_videos(settings, seed, released):
    rng = np.random.default_rng(seed)
    settings = settings if released else Settings()
    lengths = [1, 2, 3, *rng.integers(4, 40, 4)]
    dense = [(rng.random((length, 3)) < 0.4).astype(np.int8) for length in lengths]
    dense[4][:] = 0
    dense[5][:, :2] = 1
    fused, embedding = rng.random((sum(lengths), 3)), rng.standard_normal((sum(lengths), 6))
    rows = [lacp_instances.runs(each, settings.drops_last) for each in dense]
    instances = lacp_instances.pack(rows, lengths, settings)
    draws = lacp_instances.draw(instances, 3, rng)
    assert (draws >= instances.start[:, None]).all() and (draws < instances.end[:, None]).all()
    score = losses.score_contrast(torch.tensor(fused), instances, len(lengths))
    feature = losses.feature_contrast(
        torch.tensor(embedding),
        draws,
        instances,
        len(lengths),
        temperature=settings.temperature,
        contrast_of=settings.contrast_of,
    )
    first = np.cumsum([0, *lengths[:-1]])
    for video, start in enumerate(first):
        own = slice(start, start + lengths[video])
        of_video = draws[instances.video == video] - start
        expected = plain_contrasts(fused[own], embedding[own], dense[video], of_video, settings)
        assert (score[video].item(), feature[video].item()) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 50])
def test_a_snippet_is_drawn_of_each_third(size):
    rows = [np.array([[0, 1, 4, 4 + size]] * 400)]
    draws = lacp_instances.draw(lacp_instances.pack(rows, [60], Settings()), 3, np.random.default_rng(0)) - 4
    edges = [int(part * size / 3) for part in range(4)]
    for part in range(3):
        assert set(draws[:, part]) == set(range(edges[part], max(edges[part + 1], edges[part] + 1)))


# --- network, search and losses, packed, against the oracle

LABELLED = {  # video -> its snippets, and its points as (snippet, class)
    "one": (1, [(0, 0)]),
    "one without": (1, []),
    "two": (2, [(0, 0), (1, 1)]),
    "without": (9, []),
    "all": (4, [(0, 0), (1, 0), (2, 0), (3, 0)]),
    "both classes in a snippet": (13, [(5, 0), (5, 2), (9, 0)]),
    "ends": (14, [(0, 1), (13, 1)]),
    "usual": (26, [(4, 0), (12, 1), (20, 0), (23, 2)]),
}


def labelled_video(rng, length: int, points: list, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    labels = torch.zeros(length, classes)
    for snippet, label in points:
        labels[snippet, label % classes] = 1
    return torch.tensor(rng.standard_normal((length, 6)), dtype=torch.float32), labels


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("kind", ["even", "released"])
@pytest.mark.parametrize("names", [tuple(LABELLED), *((name,) for name in LABELLED)], ids=str)
def test_a_packed_batch_is_what_the_oracle_says(settings, kind, names, classes):
    rng, released = np.random.default_rng(len(names) + classes), kind == "released"
    settings = settings if released else Settings(standardize=False, hidden=8, dropout=0.0)
    network = LacpModel(classes, 6, settings)
    with torch.no_grad():  # further from 1/2, so that some snippets are surely background
        network.classifier.weight.mul_(15)
    videos = [labelled_video(rng, *LABELLED[name], classes) for name in names]
    features, points = (torch.cat(part) for part in zip(*videos, strict=True))
    packing = Packing([len(rows) for rows, _ in videos])
    exact = network.settings.model_copy(update={"search": "exact"})
    network.settings = exact
    dense = label_videos(network, features, points, packing)
    network.settings = settings
    network.train()

    scores = network(features, packing)
    rows = [lacp_instances.runs(each, settings.drops_last) for each in dense]
    instances = lacp_instances.pack(rows, packing.lengths, settings)
    draws = lacp_instances.draw(instances, 3, rng)
    found = losses.lacp(scores, points, packing=packing, instances=instances, draws=draws, settings=settings)
    found["total"].sum().backward()
    gradients = {name: parameter.grad.clone() for name, parameter in network.named_parameters()}
    network.zero_grad()

    first, weights, total = np.cumsum([0, *packing.lengths[:-1]]), dict(network.named_parameters()), 0
    for video, (own, labels) in enumerate(videos):
        plain = oracle.lacp_forward(weights, own)
        for part, expected in zip(scores, plain, strict=True):
            close(packing.split(part)[video], expected)
        with torch.no_grad():
            searched = oracle.lacp_dense(plain[0], plain[1], labels, kind)
        assert {*searched} == {*np.flatnonzero(dense[video].any(0))}
        for label, (score, best) in searched.items():
            values = plain[0][:, label].double() * (1 - plain[1].double())
            own_score = oracle_score(values.detach(), dense[video][:, label], kind)
            assert own_score == pytest.approx(score, abs=1e-6) and len(best) == len(own)
        of_video = draws[instances.video == video] - first[video]
        by_class = dense[video].T.tolist()
        expected = oracle.lacp_losses(
            plain, labels, by_class, of_video, kind, released, settings.loss_weights.model_dump()
        )
        for name, value in expected.items():
            close(found[name][video], value, 2e-5)
        total = total + expected["total"]
    total.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.isfinite().all()
        close(gradients[name], parameter.grad, 2e-5)


def oracle_score(values: torch.Tensor, labels: np.ndarray, kind: str) -> float:
    """The score of a dense label of a class, by the oracle's R."""
    parts = np.split(np.arange(len(labels)), np.flatnonzero(np.diff(labels)) + 1)
    contrasts = [
        oracle.inner_outer(values if labels[part[0]] else 1 - values, part[0], part[-1] + 1, kind)
        for part in parts
    ]
    return float(sum(contrasts) / len(contrasts))


# --- proposals and suppression


@pytest.mark.parametrize("case", range(int(LACP["detect/count"])))
def test_proposals_and_hard_suppression(config, case):
    fused, video = LACP[f"detect/{case}/cas_fused"], LACP[f"detect/{case}/video_score"]
    background = 1 - (1 - fused[:, -1]).astype(np.float64)  # 1 - B is formed in float32
    classes = fused[:, :-1].astype(np.float64) / (1 - background)[:, None]
    settings = config.step("thumos", "proposals", "lacp_released")
    [found] = generation.propose_test([Scores(classes, background, video)], Grid(16, 25), settings)
    actual = np.column_stack([found.times, found.labels, found.scores])
    np.testing.assert_allclose(actual, LACP[f"detect/{case}/proposals"], rtol=0, atol=1e-7)
    detection = config.step("thumos", "detection", "lacp_released")
    [(_, kept)] = suppression.suppress([("v", found)], detection, {})
    actual = np.column_stack([kept.times, kept.labels, kept.scores])
    np.testing.assert_allclose(actual, LACP[f"detect/{case}/after_nms"], rtol=0, atol=1e-7)


def test_hard_suppression_keeps_order_and_negative_scores(config):
    given = segments([[0, 10], [0, 9], [20, 30], [21, 30], [40, 50]], [0, 0, 0, 1, 0], [-2, -1, 3, 2, -3])
    settings = config.step("demo", "detection", "lacp")
    kept = dict(suppression.suppress([("v", given), ("w", segments([]))], settings, {}))
    assert kept["v"].scores.tolist() == [3, -1, -3, 2]
    assert len(kept["w"]) == 0


# --- training

GRID = Grid(25, 25)  # snippets of one second
ENTRY = {"root": "data", "snippet": {"frames": 25, "fps": 25}}
ODD = {  # video -> its snippets and its points
    "one": (1, [(0.5, "x")]),
    "one without": (1, []),
    "two": (2, [(0.5, "x"), (1.5, "y")]),
    "without": (9, []),
    "all": (4, [(0.5, "x"), (1.5, "x"), (2.5, "x"), (3.5, "x")]),
    "both": (12, [(5.5, "x"), (5.5, "y"), (9.5, "x")]),
    "past": (12, [(3.5, "y"), (99.0, "y")]),
    "usual": (30, [(4.5, "x"), (14.5, "y"), (24.5, "x")]),
}


@pytest.fixture
def task(tmp_path):
    """A function that makes a training on ODD's videos or some of them."""
    opened, numbers = contextlib.ExitStack(), itertools.count()

    def make(settings, videos=tuple(ODD), classes=("x", "y"), checkpoint=None, factor=1.0) -> Stage1Task:
        rng = np.random.default_rng(0)
        arrays = {video: factor * rng.standard_normal((ODD[video][0], 5), np.float32) for video in videos}
        path = write_features(tmp_path / f"features{next(numbers)}.h5", arrays, GRID)
        points = {
            video: [{"seconds": at, "label": label} for at, label in ODD[video][1] if label in classes]
            for video in videos
        }
        torch.manual_seed(0)
        return Stage1Task(
            features=opened.enter_context(FeatureFile(path)),
            points=points,
            classes=list(classes),
            settings=settings,
            rng=np.random.default_rng(0),
            device=torch.device("cpu"),
            events=tmp_path / "events",
            checkpoint=checkpoint or Checkpoint(None, key="", every=60),
            test=None,
            cache_memory=1,
        )

    with opened:
        yield make


def short(settings: Settings, **changes) -> Settings:
    return settings.model_copy(
        update={
            "hidden": 8,
            "iterations": 12,
            "batch": 3,
            "search_every": 2,
            "learning_rate": 0.01,
            **changes,
        }
    )


@pytest.mark.parametrize("videos", [tuple(ODD), *((video,) for video in ODD)], ids=str)
@pytest.mark.parametrize("classes", [("x", "y"), ("x",), ("y", "z", "x")])
def test_odd_videos(task, released_lacp, videos, classes):
    for settings in (short(Settings()), short(released_lacp)):
        model = method.train(task(settings, videos, classes))
        assert all(torch.isfinite(value).all() for value in model.state_dict().values())
        scores = method.score(model, np.zeros((1, 5), dtype=np.float32))
        assert scores.classes.shape == (1, len(classes)) and scores.video.shape == (len(classes),)


@pytest.mark.parametrize(("at_epochs", "expected"), [(False, 2), (True, 4)])
def test_a_search_is_used_in_the_next_step_or_in_the_next_epoch(task, monkeypatch, at_epochs, expected):
    counts = []

    def spy(*args, **options):
        counts.append(len(options["instances"]))
        return original(*args, **options)

    original = losses.lacp
    monkeypatch.setattr(losses, "lacp", spy)
    videos = tuple(video for video in ODD if video not in ("one", "one without", "without", "all"))
    settings = short(Settings(), labels_at_epochs=at_epochs, search_every=1, batch=1, iterations=8)
    method.train(task(settings, (*videos[:3],)))
    assert next(step for step, count in enumerate(counts, 1) if count) == expected


@pytest.mark.parametrize("at_epochs", [False, True])
def test_a_killed_training_ends_with_the_same_weights(task, tmp_path, at_epochs):
    settings = short(Settings(), labels_at_epochs=at_epochs, search_every=3)
    expected = method.train(task(settings)).state_dict()

    def train(checkpoint):
        return method.train(task(settings, checkpoint=checkpoint))

    model = resumed(train, tmp_path / "state.pt", 1, 4, 5, 9)
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())


def test_a_model_file_gives_back_the_scores(task, tmp_path):
    settings, path = short(Settings()), tmp_path / "model.pt"
    model = method.train(task(settings))
    model_file.save(path, model, settings=settings, classes=["x", "y"], width=5, grid=GRID)
    loaded = inference.stage1(model_file.load(path, "stage1"), torch.device("cpu"))
    assert loaded.method is method
    rows = np.random.default_rng(1).standard_normal((17, 5), dtype=np.float32)
    again, expected = loaded.score(rows), method.score(model, rows)
    for part in ("classes", "background", "video"):
        np.testing.assert_array_equal(getattr(again, part), getattr(expected, part))


# --- bad input


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"search": "greedy"}, "search: 'greedy': Input should be 'exact' or 'beam'"),
        ({"budget": 0}, "budget: 0: Input should be greater than or equal to 1"),
        ({"search_every": 0}, "search_every: 0: Input should be greater than or equal to 1"),
        ({"parts": 0}, "parts: 0: Input should be greater than or equal to 1"),
        ({"hidden": 0}, "hidden: 0: Input should be greater than or equal to 1"),
        ({"flank": -0.25}, "flank: -0.25: Input should be greater than or equal to 0"),
        ({"flanks": "right"}, "flanks: 'right': Input should be 'even' or 'released'"),
        ({"temperature": 0.0}, "temperature: 0.0: Input should be greater than or equal to 0.000000001"),
        ({"contrast_of": "first"}, "contrast_of: 'first': Input should be 'all' or 'last'"),
        (
            {"loss_weights": {"score": -1.0}},
            "loss_weights.score: -1.0: Input should be greater",
        ),
        ({"blocks": 1}, "blocks: unknown key"),  # HR-Pro's
    ],
)
def test_a_wrong_setting_is_told(changes, message):
    values = {"variants": {"stage1": {"lacp": changes}}}
    with pytest.raises(InputError, match=re.escape(f"variants.stage1.lacp.{message}")) as raised:
        configuration.parse(configuration.Config, values | {"datasets": {"mine": ENTRY}})
    assert "\n" not in str(raised.value)


def test_an_experiment_of_lacp_with_a_stage_2_of_lacp_is_told():
    values = {"variants": {"stage2": {"mine": {"method": "lacp"}}}, "datasets": {"mine": ENTRY}}
    message = "variants.stage2.mine.method: 'lacp': unknown method; known methods: hrpro"
    with pytest.raises(InputError, match=re.escape(message)):
        configuration.parse(configuration.Config, values)


@pytest.mark.parametrize("released", [False, True])
def test_features_without_contrast_and_of_great_size_give_no_nan(task, released_lacp, released):
    """Constant features: all scores, contrasts and hypotheses are equal; huge ones: scores are 0 and 1."""
    settings = short(released_lacp if released else Settings())
    for factor in (0.0, 1e4):
        model = method.train(task(settings, factor=factor))
        assert all(torch.isfinite(value).all() for value in model.state_dict().values())
        rows = factor * np.random.default_rng(0).standard_normal((20, 5), dtype=np.float32)
        scores = method.score(model, rows)
        assert all(np.isfinite(part).all() for part in (scores.classes, scores.background, scores.video))
