"""The oracle against the authors' numbers, and the packed code of hrpro against the oracle."""

import argparse
import functools
import json

import numpy as np
import pytest
import torch

import goldens
import oracle
from conftest import DATA
from hrpro.detection import suppression
from hrpro.detection.segments import Segments, segments
from hrpro.evaluation import mean_ap as evaluation
from hrpro.evaluation import protocol as testing
from hrpro.grid import Grid
from hrpro.instance import dataset as instance_dataset
from hrpro.instance import losses as instance_losses
from hrpro.instance import model as instance_model
from hrpro.layers import roi
from hrpro.layers.packing import Packing
from hrpro.layers.scores import video_scores
from hrpro.proposals import generation as proposals
from hrpro.proposals import ranking
from hrpro.proposals.generation import Video
from hrpro.snippet import losses as snippet_losses
from hrpro.snippet import model as snippet_model
from hrpro.snippet import training as snippet_train
from hrpro.training import seeds
from hrpro.training.dataset import Batch

GOLDEN = 1e-5  # relative, of the authors' float32 numbers
EXACT = 1e-9  # relative, between two float64 computations
ROUNDED = 1e-5  # the same where hrpro rounds a count or a place to float32

golden = functools.cache(lambda name: dict(np.load(DATA / f"{name}.npz")))


def assert_near(actual, wanted, tolerance: float, floor: float = 1e-12) -> None:
    """Same shape, and the norm of the difference within the tolerance of the norm of what is wanted."""
    actual = np.asarray(torch.as_tensor(actual).detach(), dtype=np.float64)
    wanted = np.asarray(torch.as_tensor(wanted).detach(), dtype=np.float64)
    assert actual.shape == wanted.shape
    assert np.isfinite(actual).all()
    assert np.linalg.norm(actual - wanted) <= tolerance * np.linalg.norm(wanted) + floor


def assert_gradients_near(actual: dict, wanted: dict, tolerance: float) -> None:
    """Every gradient near; one that is 0 but for rounding (of a key's bias) by the largest one's measure."""
    assert actual.keys() == wanted.keys()
    largest = max(np.linalg.norm(gradient) for gradient in wanted.values())
    assert largest > 0
    for name, gradient in wanted.items():
        assert_near(actual[name], gradient, tolerance, floor=tolerance * 1e-2 * largest)


def leaves(weights: dict) -> dict:
    """Copies of the weights that gather gradients."""
    return {name: value.detach().clone().requires_grad_() for name, value in weights.items()}


def gradients(weights: dict) -> dict:
    return {name: value.grad for name, value in weights.items()}


# ---------------------------------------------------------------------------------------------------
# The oracle against the goldens: stage 1


def snippet_weights(prefix: str) -> dict:
    """Weights or gradients of stage1.npz under hrpro's names; what the file lacks is left out."""
    arrays = {
        key.removeprefix(prefix): torch.from_numpy(value)
        for key, value in golden("stage1").items()
        if key.startswith(prefix)
    }
    weights = {"classifier.weight": arrays["classifier.1.weight"].squeeze(2)}
    for kind in ("weight", "bias"):
        weights[f"embed.{kind}"] = arrays[f"encoder.feature_embedding.0.{kind}"]
        for i in range(2):
            own, theirs = f"blocks.{i}", f"encoder.RAB.{i}"
            for part in ("query", "key"):
                value = arrays[f"{theirs}.conv_{part}.{kind}"]
                weights[f"{own}.{part}.{kind}"] = value.reshape(value.shape[:2])
            projections = arrays[f"{theirs}.self_atten.in_proj_{kind}"].chunk(3)
            for part, value in zip(("query", "key", "value"), projections, strict=True):
                weights[f"{own}.project_{part}.{kind}"] = value
            weights[f"{own}.project_out.{kind}"] = arrays[f"{theirs}.self_atten.out_proj.{kind}"]
            for part, theirs_part in (("feed1", "linear1"), ("feed2", "linear2")):
                weights[f"{own}.{part}.{kind}"] = arrays[f"{theirs}.{theirs_part}.{kind}"]
            for part in ("norm1", "norm2"):
                weights[f"{own}.{part}.{kind}"] = arrays[f"{theirs}.{part}.{kind}"]
    return weights


def golden_prototypes(key: str = "memory_init") -> torch.Tensor:
    return torch.from_numpy(golden("stage1")[key]).squeeze(1)


def golden_video(i: int) -> tuple[torch.Tensor, torch.Tensor]:
    values = golden("stage1")
    return torch.from_numpy(values[f"v{i}/features"]), torch.from_numpy(values[f"v{i}/point_label"])


def golden_losses(i: int, weights: dict):
    """Scores, losses and action seeds of a video of stage1.npz by the oracle."""
    features, points = golden_video(i)
    scores = oracle.stage1_forward(weights, golden_prototypes(), features, 8, "released")
    return scores, *oracle.stage1_losses(*scores, points, golden_prototypes(), drop_last=True)


def test_golden_initial_prototypes():
    weights, videos = snippet_weights("init/"), [golden_video(i) for i in range(6)]
    assert_near(oracle.initial_prototypes(weights, videos, 8, "released"), golden_prototypes(), GOLDEN)


@pytest.mark.parametrize("i", range(6))
def test_golden_snippet_outputs(i):
    values, (_, points) = golden("stage1"), golden_video(i)
    (classes, background, embedding), _, _ = golden_losses(i, snippet_weights("init/"))
    assert_near(oracle.fuse(classes, background), values[f"v{i}/cas_fused"], GOLDEN)
    assert_near(embedding, values[f"v{i}/embedding"], GOLDEN)
    assert_near(oracle.video_score(classes), values[f"v{i}/video_score_eval"], GOLDEN)
    present = points.amax(0)
    assert_near(oracle.video_score(classes, present), values[f"v{i}/video_score_train"], GOLDEN)


@pytest.mark.parametrize("i", range(6))
def test_golden_snippet_losses(i):
    values = golden("stage1")
    (_, _, embedding), losses, action = golden_losses(i, snippet_weights("init/"))
    names = {"video": "vid", "background": "frame_bkg"}
    for name, loss in losses.items():
        assert_near(loss, values[f"v{i}/loss_{names.get(name, name)}"], GOLDEN)
    updated = oracle.update_prototypes(golden_prototypes(), embedding, action)
    assert_near(updated, golden_prototypes(f"v{i}/memory_after_update"), GOLDEN)
    moved = updated - golden_prototypes()
    # of a step of 0.1 % in float32
    assert_near(moved, golden_prototypes(f"v{i}/memory_after_update") - golden_prototypes(), 1e-3)


@pytest.mark.parametrize("i", [0, 4])
def test_golden_snippet_gradients(i):
    weights = leaves(snippet_weights("init/"))
    golden_losses(i, weights)[1]["total"].backward()
    assert_gradients_near(gradients(weights), snippet_weights(f"v{i}/grad/"), GOLDEN)


@functools.cache
def trace(tokens_follow: bool) -> tuple[list[float], torch.Tensor]:
    """The losses of the golden's ten Adam steps by the oracle, and the prototypes after them."""
    weights, memory, losses = leaves(snippet_weights("init/")), golden_prototypes(), []
    optimizer = torch.optim.Adam(weights.values(), lr=1e-3, weight_decay=5e-4)
    for batch in golden("stage1")["trace/order"].reshape(-1, 3):
        values, memory = oracle.stage1_batch(
            weights,
            memory,
            [golden_video(i) for i in batch],
            heads=8,
            order="released",
            drop_last=True,
            tokens_follow=tokens_follow,
        )
        loss = torch.stack([value["total"] for value in values]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, memory


def test_golden_trace():
    losses, memory = trace(tokens_follow=True)
    for loss, wanted in zip(losses, golden("stage1")["trace/loss"], strict=True):
        assert_near(loss, wanted, GOLDEN)
    assert_near(memory, golden_prototypes("trace/final/memory.proto_vectors"), GOLDEN)


def test_tokens_of_the_batchs_start_make_no_difference():
    """hrpro takes the attention's tokens as they stand at a batch's start; the authors' move within it."""
    fixed, follow = trace(tokens_follow=False)[0], trace(tokens_follow=True)[0]
    assert fixed != follow
    assert max(abs(a - b) for a, b in zip(fixed, follow, strict=True)) < 1e-4
    assert np.abs(fixed - golden("stage1")["trace/loss"]).max() < 1e-4


@pytest.mark.parametrize("i", range(60))
def test_golden_seeds(i):
    values = golden("seeds")
    given = (torch.from_numpy(values[f"{i}/{key}"]) for key in ("background_score", "point_label"))
    action, background = oracle.mine_seeds(*given)
    assert np.array_equal(action, values[f"{i}/action_seed"])
    assert np.array_equal(background, values[f"{i}/background_seed"])


# ---------------------------------------------------------------------------------------------------
# The oracle against the goldens: proposals and stage 2


def golden_proposals(i: int) -> list[tuple]:
    """The golden's proposals of a video, as the oracle has them."""
    return [
        (start, end, int(label), score) for start, end, label, score in golden("proposals")[f"{i}/proposals"]
    ]


@pytest.mark.parametrize("i", range(12))
def test_golden_proposals(i):
    values = golden("proposals")
    found = oracle.propose(values[f"{i}/cas_fused"], values[f"{i}/video_score"])
    np.testing.assert_allclose(np.array(found), values[f"{i}/proposals"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("i", range(12))
def test_golden_soft_nms(i):
    kept = oracle.soft_nms(golden_proposals(i))
    np.testing.assert_allclose(kept, golden("proposals")[f"{i}/after_soft_nms"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("i", range(12))
def test_golden_reliable(i):
    values = golden("proposals")
    points = json.loads(str(values[f"{i}/points_json"]))
    found = {name: [] for _, name in points}
    chosen = oracle.reliable(golden_proposals(i), [(time, int(name[1:])) for time, name in points])
    for (_, name), proposal in zip(points, chosen, strict=True):
        found[name].append(proposal and pytest.approx([*proposal[:2], proposal[3]], abs=1e-6))
    assert found == json.loads(str(values[f"{i}/reliable_json"]))


def golden_instances(i: int, *keys: str) -> list[torch.Tensor]:
    return [torch.from_numpy(golden("stage2")[f"v{i}/{key}"]) for key in keys]


@pytest.mark.parametrize("i", range(3))
def test_golden_roi(i):
    features, given, wanted = golden_instances(i, "features", "proposals", "roi_features")
    assert_near(oracle.roi_align(features, given), wanted, GOLDEN)


@pytest.mark.parametrize("i", range(3))
def test_golden_instance_outputs(i):
    features, given = golden_instances(i, "features", "proposals")
    weights = goldens.instance_parameters("init")
    completeness, refined = oracle.stage2_forward(weights, features, given)
    again, _ = oracle.stage2_forward(weights, features, refined)
    keys = ("completeness", "refined", "completeness_refined")
    for value, wanted in zip((completeness, refined, again), golden_instances(i, *keys), strict=True):
        assert_near(value, wanted, GOLDEN)


def test_golden_instance_losses():
    weights, losses = leaves(goldens.instance_parameters("init")), []
    for i in range(3):
        features, *rest = golden_instances(i, "features", "proposals", "reliable", "negative_draw")
        losses.append(oracle.stage2_losses(*oracle.stage2_forward(weights, features, rest[0]), *rest))
    for name, key in (("regression", "prop_reg"), ("completeness", "prop_iou"), ("total", "total")):
        mean = torch.stack([loss[name] for loss in losses]).mean()
        assert_near(mean, golden("stage2")[f"loss_{key}"], GOLDEN)
    mean.backward()
    assert_gradients_near(gradients(weights), goldens.instance_parameters("grad"), GOLDEN)


# ---------------------------------------------------------------------------------------------------
# hrpro against the oracle: stage 1

CLASSES, WIDTH, HEADS = 3, 16, 4

# Videos as (snippets, [(snippet, class) of each point])
EDGES = [
    (1, [(0, 1)]),
    (1, []),
    (9, []),
    (12, [(4, 0), (4, 2)]),
    (5, [(t, t % CLASSES) for t in range(5)]),
    (14, [(3, 0), (4, 1), (9, 0)]),
    (8, [(2, 0), (7, 1)]),  # class 1 lies on the last snippet alone
    (2, [(0, 2)]),  # and here the background does
    (6, [(0, 1), (5, 1)]),
    (30, [(10, 2), (25, 2)]),
]


def random_videos(seed: int, count: int = 10) -> list:
    """Lengths and points of random videos."""
    rng = np.random.default_rng(seed)
    videos = []
    for length in rng.integers(1, 40, count):
        labels = rng.integers(CLASSES, size=rng.integers(0, 5))
        videos.append((int(length), [(int(rng.integers(length)), int(label)) for label in labels]))
    return videos


def made(videos: list, seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Features, smooth in time, and point labels of such videos."""
    generator = torch.Generator().manual_seed(seed)
    result = []
    for length, points in videos:
        steps = torch.randn(length, WIDTH, generator=generator, dtype=torch.float64)
        labels = torch.zeros(length, CLASSES, dtype=torch.float64)
        for t, c in points:
            labels[t, c] = 1
        result.append((steps.cumsum(0), labels))
    return result


def pack(videos) -> tuple[torch.Tensor, torch.Tensor, Packing]:
    features, points = zip(*videos, strict=True)
    return torch.cat(features), torch.cat(points), Packing([len(f) for f in features])


def snippet_network(released, order="paper", drop_last=False, blocks=2) -> snippet_model.SnippetModel:
    """A random network without dropout, in float64, whose B takes all values from 0 to 1."""
    base = released("stage1")
    settings = base.model_copy(
        update={
            "prototype_tokens": order,
            "contrastive_drops_last": drop_last,
            "blocks": blocks,
            "heads": HEADS,
            "hidden": 8,
            "loss_weights": base.loss_weights.model_copy(update={"video": 0.3}),
        }
    )
    model = snippet_model.SnippetModel(CLASSES, WIDTH, settings).double().eval()
    with torch.no_grad():
        model.classifier.weight[-1] = 6 * torch.randn(WIDTH)
        model.prototypes.copy_(torch.randn(CLASSES, WIDTH))
    return model


BATCHES = pytest.mark.parametrize("batch", [EDGES, *(random_videos(seed) for seed in range(3))])


@BATCHES
@pytest.mark.parametrize("order", ["paper", "released"])
@pytest.mark.parametrize("blocks", [0, 2])
def test_snippet_outputs(released, batch, order, blocks):
    model, videos = snippet_network(released, order, blocks=blocks), made(batch, 1)
    features, _, packing = pack(videos)
    scores = model(features, packing)
    present = torch.stack([labels.amax(0) for _, labels in videos])
    packed = zip(
        *(packing.split(part) for part in (scores.classes, scores.background, scores.embedding)),
        packing.split(scores.fused),
        video_scores(scores.classes, packing, model.settings.video_top),
        video_scores(scores.classes, packing, model.settings.video_top, present),
        strict=True,
    )
    for (own, labels), parts in zip(videos, packed, strict=True):
        classes, background, embedding = oracle.stage1_forward(
            model.state_dict(), model.prototypes, own, HEADS, order
        )
        tests, training = oracle.video_score(classes), oracle.video_score(classes, labels.amax(0))
        wanted = (classes, background, embedding, oracle.fuse(classes, background), tests, training)
        for part, value in zip(parts, wanted, strict=True):
            assert_near(part, value, EXACT)


def both_stage1(released, batch, order, drop_last):
    """Losses, prototypes and gradients of a batch: the packed code's, then the oracle's.

    The gradients are those of a sum with a weight of its own for every video.
    """
    model, videos = snippet_network(released, order, drop_last), made(batch, 2)
    features, points, packing = pack(videos)
    losses, prototypes = snippet_losses.stage1(
        model(features, packing), points, model.prototypes, packing=packing, settings=model.settings
    )
    emphasis = torch.rand(len(videos), dtype=torch.float64)
    (losses["total"] * emphasis).sum().backward()
    packed = losses, prototypes, gradients(dict(model.named_parameters()))

    weights = leaves(dict(model.named_parameters()))
    values, prototypes = oracle.stage1_batch(
        weights,
        model.prototypes,
        videos,
        HEADS,
        order,
        drop_last,
        oracle.LOSS_WEIGHTS | {"video": 0.3},
    )
    losses = {name: torch.stack([value[name] for value in values]) for name in values[0]}
    (losses["total"] * emphasis).sum().backward()
    return packed, (losses, prototypes, gradients(weights))


@BATCHES
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("order", ["paper", "released"])
def test_snippet_losses_and_gradients(released, batch, order, drop_last):
    (losses, prototypes, grads), wanted = both_stage1(released, batch, order, drop_last)
    assert losses.keys() == wanted[0].keys()
    for name, loss in losses.items():
        assert loss.shape == (len(batch),)
        for value, right in zip(loss, wanted[0][name], strict=True):
            assert_near(value, right, EXACT if name in ("video", "contrastive") else ROUNDED)
    assert_near(prototypes, wanted[1], EXACT)
    assert_gradients_near(grads, wanted[2], ROUNDED)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_contrastive_of_any_seeds(seed, drop_last):
    """Also of seeds that are never mined: of two kinds at once, and of a whole video beside others."""
    rng = np.random.default_rng(seed)
    packing = Packing([1, 1, 2, 3, 4, 6, 9, 15])
    count = sum(packing.lengths)
    action = torch.from_numpy(rng.choice([0.0, 1.0], (count, CLASSES), p=[0.4, 0.6]))
    background = torch.from_numpy(rng.choice([0.0, 1.0], count))
    packing.split(action)[-1][:, 1] = 1  # a class that covers the video
    packing.split(background)[-2][:] = 1
    embedding = torch.from_numpy(rng.normal(size=(count, WIDTH)))
    prototypes = torch.from_numpy(rng.normal(size=(len(packing), CLASSES, WIDTH)))
    prototypes[:, 2] = 0  # as of a class without a point
    losses = snippet_losses.contrastive(
        embedding,
        prototypes,
        packing,
        action=action,
        background=background,
        temperature=oracle.TEMPERATURE,
        drop_last=drop_last,
    )
    videos = zip(*(packing.split(part) for part in (embedding, action, background)), strict=True)
    for loss, memory, (own, inside, outside) in zip(losses, prototypes, videos, strict=True):
        assert_near(loss, oracle.contrastive_loss(own, memory, inside, outside, drop_last), EXACT)
    assert losses[-1] > 0
    assert losses[-2] == 0


def test_the_random_videos_have_every_kind_of_seed(released):
    """Else the comparisons above would say nothing of it; and the edge cases of the contrastive loss."""
    spread = inner = 0
    videos = [video for s in range(3) for video in made(random_videos(s), 2)]
    model = snippet_network(released)
    for features, points in videos:
        _, background, _ = oracle.stage1_forward(
            model.state_dict(), model.prototypes, features, HEADS, "paper"
        )
        action, seed = oracle.mine_seeds(background.detach(), points)
        spread += int(action.sum() - points.sum())
        inner += int((seed * (background < oracle.BACKGROUND_SEED)).sum())
        assert not (action.any(1) & seed.bool()).any()
    assert spread > 10
    assert inner > 10
    with_last, without = (both_stage1(released, EDGES, "paper", drop)[0][0] for drop in (False, True))
    bare = {1, 2, 4}  # without a point, or without a background seed
    added = {i for i, loss in enumerate(with_last["contrastive"].tolist()) if loss}
    assert added == set(range(len(EDGES))) - bare - {0}
    added = {i for i, loss in enumerate(without["contrastive"].tolist()) if loss}
    assert added == set(range(len(EDGES))) - bare - {0, 7}


@pytest.mark.parametrize("seed", range(40))
def test_seeds(seed):
    """Exactly, with scores that are often equal and often stand on a threshold."""
    rng = np.random.default_rng(seed)
    videos = made([*random_videos(seed), *(EDGES if seed % 4 == 0 else [])], seed)
    _, points, packing = pack(videos)
    values = [0.0, 0.05, 0.1, 0.11, 0.5, 0.5, 0.94, 0.95, 0.97, 1.0]
    background = torch.from_numpy(rng.choice(values[: rng.integers(3, 11)], size=len(points)))
    action, seeded = seeds.mine(
        background,
        points,
        packing,
        background_threshold=oracle.BACKGROUND_SEED,
        action_threshold=oracle.ACTION_SEED,
    )
    parts = zip(*(packing.split(part) for part in (background, points, action, seeded)), strict=True)
    for own, labels, found_action, found_background in parts:
        wanted = oracle.mine_seeds(own, labels)
        assert torch.equal(found_action, wanted[0])
        assert torch.equal(found_background, wanted[1])


class PackedVideos:
    """Videos as a Dataset."""

    def __init__(self, videos):
        self.videos = videos

    def __len__(self):
        return len(self.videos)

    def batch(self, numbers) -> Batch:
        videos = [self.videos[i] for i in numbers]
        features, points, packing = pack(videos)
        present = torch.stack([points.amax(0) for _, points in videos])
        return Batch(features=features, points=points, present=present, packing=packing)


def test_initial_prototypes(released):
    videos = made([*EDGES, *random_videos(5)], 3)
    for _, points in videos:
        points[:, 2] = 0  # a class without a point keeps a zero prototype
    model = snippet_network(released)
    with torch.no_grad():
        model.prototypes.zero_()
    found = snippet_train.initial_prototypes(model, PackedVideos(videos))
    wanted = oracle.initial_prototypes(model.state_dict(), videos, HEADS, "paper")
    assert_near(found, wanted, EXACT)
    assert not found[2].any()
    assert found[:2].any(1).all()


# ---------------------------------------------------------------------------------------------------
# hrpro against the oracle: proposals, suppression, ranking


def random_scores(length: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """S and B of a random video, smooth in time and down to 0."""
    rng = np.random.default_rng(seed)
    values = np.cumsum(rng.normal(size=(length, CLASSES + 1)), axis=0) + rng.normal(size=CLASSES + 1)
    values = np.clip(0.5 + 0.3 * values, 0, 1)
    return values[:, :-1], values[:, -1]


def packed_proposals(released, classes, background, score, value_at, grid) -> np.ndarray:
    settings = released("proposals").model_copy(update={"value_at": value_at})
    chosen = proposals.select_classes(score, settings.class_score)
    [found] = proposals.propose([Video(classes, background, chosen, np.zeros(len(chosen)))], grid, settings)
    return np.column_stack([found.times, found.labels, found.scores])


def assert_same_proposals(released, classes, background, score, value_at, grid=None) -> np.ndarray:
    """Compare, and return what both find."""
    grid = grid or Grid(16, 25)
    fused = np.column_stack([classes * (1 - background[:, None]), background])
    wanted = oracle.propose(fused, score, value_at, grid.frames, grid.fps)
    found = packed_proposals(released, classes, background, score, value_at, grid)
    np.testing.assert_allclose(found, np.array(wanted).reshape(-1, 4), rtol=0, atol=EXACT)
    return found


@pytest.mark.parametrize("value_at", ["start", "centre"])
@pytest.mark.parametrize("length", [1, 2, 3, 10, 50])
def test_proposals(released, length, value_at):
    count = 0
    for seed in range(8):
        classes, background = random_scores(length, seed)
        score = np.random.default_rng(seed).uniform(0, 1, CLASSES)
        count += len(assert_same_proposals(released, classes, background, score, value_at))
    assert count > 0


def test_proposals_of_the_best_class_on_another_grid(released):
    classes, background = random_scores(30, 3)
    score = np.array([0.1, 0.3, 0.2])
    found = assert_same_proposals(released, classes, background, score, "start", Grid(16, 15))
    assert set(found[:, 2]) == {1}


def test_no_proposal(released):
    classes = np.zeros((6, CLASSES))
    assert not len(assert_same_proposals(released, classes, np.ones(6), np.ones(CLASSES), "start"))


@pytest.mark.parametrize("other", [0.0, 0.2])
def test_the_first_cell_alone(released, other):
    """A threshold that only the first cell reaches gives nothing; one that others reach too gives it."""
    classes, background = np.zeros((8, CLASSES)), np.zeros(8)
    classes[[0, 5], 0] = 0.2, other
    found = assert_same_proposals(released, classes, background, np.array([1.0, 0, 0]), "start")
    assert np.isclose(found[:, :2], [0, 0.32]).all(1).any() == (other > 0)


def random_segments(seed: int, count: int = 60) -> Segments:
    """Segments on a grid of half seconds, some twice, some without length, of scores below 0 too."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 60, count) / 2
    times = np.column_stack([start, start + rng.integers(0, 20, count) / 2])
    found = segments(times, rng.integers(CLASSES, size=count), rng.normal(0.4, 0.4, count))
    return found.take(np.r_[0:count, 0:5])


def listed(found: Segments) -> list[tuple]:
    """Segments as the oracle has proposals."""
    return [
        (*times, label, score)
        for times, label, score in zip(
            found.times.tolist(), found.labels.tolist(), found.scores.tolist(), strict=True
        )
    ]


@pytest.mark.parametrize("cells", [1, 50, 2**15])
@pytest.mark.parametrize("padding", [1.0, 0.0])
@pytest.mark.parametrize("seed", range(5))
def test_soft_nms(monkeypatch, seed, padding, cells):
    """Of several videos at once, in blocks of one group, of several and of all."""
    monkeypatch.setattr(suppression, "CELLS", cells)
    videos = {f"v{count}": random_segments(seed + count, count) for count in (60, 5, 30, 31)}
    videos["v0"] = segments([])
    found = suppression.soft_nms(videos, oracle.SIGMA, padding)
    assert list(found) == list(videos)
    for video, given in videos.items():
        wanted = np.array(oracle.soft_nms(listed(given), padding)).reshape(-1, 4)
        kept = np.array(listed(found[video])).reshape(-1, 4)
        np.testing.assert_allclose(kept, wanted, rtol=0, atol=EXACT)
        assert not len(given) or not np.allclose(np.sort(kept[:, 3]), np.sort(given.scores))


def test_soft_nms_of_nothing():
    assert suppression.soft_nms({}, oracle.SIGMA, 1.0) == {}


@pytest.mark.parametrize("any_score", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_reliable(seed, any_score):
    """With points on the ends of proposals and at one time, and classes without a proposal."""
    rng = np.random.default_rng(seed)
    given = random_segments(seed, count=25)
    times = np.sort(rng.integers(0, 80, size=rng.integers(0, 9)) / 2)
    points = [(float(time), int(rng.integers(CLASSES + 1))) for time in times]
    chosen = ranking.reliable(given, points, any_score)
    found = [None if number is None else listed(given)[number] for number in chosen]
    assert found == oracle.reliable(listed(given), points, any_score)


# ---------------------------------------------------------------------------------------------------
# hrpro against the oracle: stage 2


@pytest.mark.parametrize("length", [1, 2, 45])
def test_roi(length):
    generator = torch.Generator().manual_seed(length)
    features = torch.randn(length, 5, generator=generator, dtype=torch.float64)
    start = torch.rand(20, generator=generator, dtype=torch.float64) * length
    size = torch.rand(20, generator=generator, dtype=torch.float64) * 30
    odd = [
        [0, length],
        [0, 16],  # a bin of two snippets exactly
        [3, 3],
        [5, 2],  # inside out, as a refined one may be
        [-9, -4],
        [length + 4, length + 9],
        [-20, length + 20],
        [0.5, 0.6],
    ]
    given = torch.cat([torch.stack([start, start + size], dim=1), torch.tensor(odd, dtype=torch.float64)])
    assert_near(roi.align(features, given, bins=12, margin=0.25), oracle.roi_align(features, given), ROUNDED)
    assert roi.align(features, given, bins=12, margin=0.25)[:20].any()


def random_instances(length: int, count: int, reliable: list, generator) -> tuple:
    """Features, proposals, RP and draws of a video."""
    features = torch.randn(length, WIDTH, generator=generator, dtype=torch.float64)
    ends = torch.rand(count, 2, generator=generator, dtype=torch.float64).mul(length).sort(1).values
    targets = torch.tensor(reliable, dtype=torch.float64).reshape(-1, 2)
    return features, ends, targets, torch.rand(count, generator=generator, dtype=torch.float64)


INSTANCES = {
    "ordinary": [(40, 30, [[2, 20], [18, 39]]), (25, 12, [[0, 20]]), (60, 40, [[3, 9], [50, 58]])],
    "one without RP": [(40, 30, [[2, 20], [18, 39]]), (30, 20, []), (8, 6, [[0, 8]])],
    "none has RP": [(20, 9, []), (30, 20, [])],
    "one without a positive": [(40, 12, [[-3, -1], [90, 95]]), (25, 12, [[0, 20]]), (5, 3, [[0, 0.1]])],
    "all positive": [(10, 1, [[0, 10]]), (30, 30, [[0, 30], [5, 15], [0, 10], [20, 28]])],
}


@pytest.fixture
def instance_network(released) -> instance_model.InstanceModel:
    """A random network in float64, without dropout."""
    return instance_model.InstanceModel(CLASSES, WIDTH, released("stage2")).double().eval()


@pytest.mark.parametrize("name", INSTANCES)
def test_instance_losses_and_gradients(released, instance_network, name):
    generator = torch.Generator().manual_seed(0)
    videos = [random_instances(*video, generator) for video in INSTANCES[name]]
    features, given, targets, draws = zip(*videos, strict=True)
    vectors = torch.cat(
        [roi.vectors(f, p, bins=12, margin=0.25) for f, p in zip(features, given, strict=True)]
    )
    no_class = torch.full((len(vectors),), -1)
    completeness, offsets = instance_network(vectors, no_class)
    refined = instance_model.refine(torch.cat(given), offsets)
    packing = Packing([len(p) for p in given])
    batch = instance_dataset.Batch(
        vectors=vectors,
        proposals=torch.cat(given),
        labels=no_class,
        video=packing.video,
        reliable=instance_dataset.pad_reliable(
            [instance_dataset.Reliable(own, torch.zeros(len(own), dtype=torch.long)) for own in targets]
        ),
    )
    losses = instance_losses.stage2(
        completeness, refined, batch, random=torch.cat(draws), settings=released("stage2")
    )
    emphasis = torch.rand(len(videos), dtype=torch.float64)
    (losses["total"] * emphasis).sum().backward()
    grads = gradients(dict(instance_network.named_parameters()))

    weights, wanted = leaves(dict(instance_network.named_parameters())), []
    for i, (own, p, reliable, draw) in enumerate(videos):
        outputs = oracle.stage2_forward(weights, own, p)
        assert_near(packing.split(completeness)[i], outputs[0], ROUNDED)
        assert_near(packing.split(refined)[i], outputs[1], ROUNDED)
        wanted.append(oracle.stage2_losses(*outputs, p, reliable, draw))
        for part in ("regression", "completeness", "total"):
            assert_near(losses[part][i], wanted[i][part], ROUNDED)
    total = (torch.stack([loss["total"] for loss in wanted]) * emphasis).sum()
    if name == "none has RP":
        assert total == 0
        assert not any(gradient.any() for gradient in grads.values())
        return
    total.backward()
    assert_gradients_near(grads, gradients(weights), ROUNDED)
    zero = {i for i, loss in enumerate(wanted) if loss["total"] == 0}
    assert zero == {"one without RP": {1}, "one without a positive": {0, 2}}.get(name, set())


def test_the_instances_leave_some_low_ones_out():
    """The random share is neither none nor all in some video of the comparisons above."""
    video = INSTANCES["ordinary"][2]
    _, given, targets, draw = random_instances(*video, torch.Generator().manual_seed(0))
    low = [float(oracle.best_tiou(p, targets)) < oracle.POSITIVE_TIOU for p in given]
    share = (len(low) - sum(low)) / sum(low)
    assert 0 < sum(bool(d > 1 - share) for d, is_low in zip(draw, low, strict=True) if is_low) < sum(low)


def test_instance_scores(instance_network):
    features, given, _, _ = random_instances(30, 25, [], torch.Generator().manual_seed(1))
    with torch.no_grad():
        instance_network.start_offset[2].bias += 0.8  # turns some inside out
    found = instance_model.score(
        instance_network,
        features,
        None,
        proposals=given,
        labels=torch.full((len(given),), -1),
        clip=False,
    )
    weights = dict(instance_network.named_parameters())
    completeness, refined = oracle.stage2_forward(weights, features, given)
    again, _ = oracle.stage2_forward(weights, features, refined.detach())
    assert (refined[:, 1] < refined[:, 0]).any()
    for value, wanted in zip(found, (completeness, refined, again), strict=True):
        assert_near(value, wanted, ROUNDED)


# ---------------------------------------------------------------------------------------------------
# hrpro against the oracle: evaluation

THRESHOLDS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
NAMES = ["found", "also found", "never found", "without an instance"]


def random_evaluation(seed: int) -> tuple[dict, dict, dict]:
    """Truth, detections and ambiguous segments, with many equal scores and equal tIoUs.

    Video v0 has no instance, v5 is not in the truth; class 2 has no detection, class 3 no instance.
    """
    rng = np.random.default_rng(seed)

    def draw(count: int, longest: int, classes: list[int]) -> Segments:
        start = rng.integers(0, 60, count)
        times = np.column_stack([start, start + rng.integers(1, longest, count)])
        return segments(times, rng.choice(classes, count), rng.integers(0, 40, count) / 40)

    truth = {f"v{i}": draw((0, 1, 5, 12, 40)[i], 8, [0, 1, 2]) for i in range(5)}
    found = {f"v{i}": draw(int(rng.integers(1, 60)), 10, [0, 1, 3]) for i in (3, 0, 5, 4, 1, 2)}
    ambiguous = {video: draw(3, 6, [0]).times for video in ("v2", "v4")}
    return truth, found, ambiguous


def rows(videos: dict[str, Segments]) -> list[tuple]:
    """(video, class, start, end, score), in the file's order."""
    return [
        (video, label, start, end, score)
        for video, found in videos.items()
        for start, end, label, score in listed(found)
    ]


@pytest.mark.parametrize("with_ambiguous", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_evaluation(seed, with_ambiguous):
    truth, found, ambiguous = random_evaluation(seed)
    regions = ambiguous if with_ambiguous else None
    result = evaluation.evaluate(truth, found.items(), NAMES, THRESHOLDS, regions)
    instances = [row[:4] for row in rows(truth)]
    wanted = oracle.evaluate(rows(found), instances, THRESHOLDS, regions)
    assert list(result) == [NAMES[label] for label in wanted] == NAMES[:3]
    for label, precisions in wanted.items():
        np.testing.assert_allclose(result[NAMES[label]], precisions, rtol=0, atol=EXACT)
    assert result["never found"] == [0.0] * len(THRESHOLDS)
    assert result["found"][0] > result["found"][-1] > 0
    if with_ambiguous:
        assert result != evaluation.evaluate(truth, found.items(), NAMES, THRESHOLDS)


def test_videos_left_out_count_nowhere(tmp_path, released):
    """docs/method.md, section 7.1: neither their instances nor detections in them."""
    instance = {"label": "found", "segment": [0.0, 10.0]}
    database = {video: {"subset": "test", "duration": 20.0, "annotations": [instance]} for video in "ab"}
    (tmp_path / "truth.json").write_text(json.dumps({"database": database}))
    chosen = ("proposals", "detection", "evaluation")
    test = json.dumps({step: released(step).model_dump() for step in chosen} | {"exclude": ["b"]})
    args = argparse.Namespace(test_annotations=tmp_path / "truth.json", test=test)
    protocol = testing.from_arguments(args, ["found"])
    right, wrong = segments([[0, 10]], [0], [0.5]), segments([[15, 20]], [0], [0.9])
    assert protocol.evaluate([("a", right)]) == pytest.approx(100)
    assert protocol.evaluate([("a", right), ("b", wrong)]) == pytest.approx(100)
