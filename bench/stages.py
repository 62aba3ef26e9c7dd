"""The parts that train: a step of each stage on a made batch."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

import machine
import made
import oracle
from hrpro import config
from hrpro.instance import losses as instance_losses
from hrpro.instance import model as instance_model
from hrpro.instance.dataset import Batch, Reliable, pad_reliable
from hrpro.layers.packing import Packing
from hrpro.pyramid import losses as pyramid_losses
from hrpro.pyramid.dataset import Batch as PyramidBatch
from hrpro.pyramid.layout import Cells, layout_of
from hrpro.pyramid.model import PyramidModel
from hrpro.pyramid.pseudo import Pseudo
from hrpro.pyramid.targets import Targets, targets_of
from hrpro.snippet import losses as snippet_losses
from hrpro.snippet.model import SnippetModel
from hrpro.training.candidates import VECTOR_BYTES
from hrpro.training.optimizer import autocast, make_optimizer
from hrpro.training.vector_cache import VectorCache
from hrpro.utils.speed import keep_memory
from machine import Clock, Result, at_limit, clock, medians
from settings import configuration

VECTORS_MEMORY = 1e6 * config.Config().cache_memory  # bytes

FEW = 4  # proposals a video on which the oracle is timed


def linear(rows: int, inputs: int, outputs: int, to_inputs: bool = True) -> float:
    """The operations of a linear map and of its gradients, to its weights and, where needed, its inputs."""
    return 2.0 * rows * inputs * outputs * (3 if to_inputs else 2)


def stage1_operations(lengths: list[int], width: int, settings) -> float:
    """What a step of stage 1 needs, once: matrix products alone, no gradient to the features."""
    tokens = [length + made.CLASSES for length in lengths]
    rows, snippets = sum(tokens), sum(lengths)
    projected = width if settings.width is None else min(width, settings.width)
    total, projects = 0.0, settings.context > 0 or projected != width
    if projects:
        maps = 2 if settings.context else 1  # of a snippet, and of those about it
        total += linear(snippets, width, maps * projected, False)
        width = projected
    for block in range(settings.blocks):
        inner = projects or block > 0  # its input is an output, which needs a gradient
        total += 2 * linear(rows, width, width, inner)  # query, key
        total += 2 * linear(rows, width, width)  # project_query, project_key
        total += linear(rows, width, width, inner) + linear(rows, width, width)  # project_value, project_out
        total += linear(rows, width, settings.hidden) + linear(rows, settings.hidden, width)
        total += sum(12.0 * length**2 * width for length in tokens)
    total += linear(snippets, 3 * width, width, projects or settings.blocks > 0)
    return total + linear(snippets, width, made.CLASSES + 1) + linear(snippets, width, made.CLASSES)


def stage2_operations(proposals: int, width: int) -> float:
    """What a step of stage 2 needs, once, its proposals' vectors given: no gradient to them."""
    half = width // 2
    first = linear(proposals, 3 * width, width, False) + 2 * linear(proposals, width, half, False)
    return first + linear(proposals, width, half) + 3 * linear(proposals, half, 1)


def batch(lengths: list[int], width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (N, D) and point labels (N, C) of some videos, a point for every instance."""
    rng = np.random.default_rng(0)
    points = torch.zeros(sum(lengths), made.CLASSES)
    for first, length in zip(np.cumsum([0, *lengths]), lengths, strict=False):
        own = rng.choice(made.labels(rng), made.INSTANCES)
        points[first + rng.integers(length, size=made.INSTANCES), own] = 1
    return torch.randn(sum(lengths), width), points


class Step(NamedTuple):
    """A step of training on a made batch, as calls."""

    model: torch.nn.Module
    losses: Callable[[], dict[str, torch.Tensor]]  # forward and backward pass alone; per loss (B,)
    run: Callable[[], None]
    plain: Callable | None  # the oracle's, on the CPU, of a part of the batch, without the optimizer's step


def stage1_step(lengths: list[int], width: int, settings, device="cpu") -> Step:
    """A step of stage 1 on videos of such lengths."""
    keep_memory()
    torch.manual_seed(0)
    made_batch = batch(lengths, width)
    features, points = (x.to(device) for x in made_batch)
    model = SnippetModel(made.CLASSES, width, settings).train()
    model.prototypes.copy_(torch.randn_like(model.prototypes))
    model.to(device)
    packing = Packing(lengths, device)
    optimizer, _ = make_optimizer(model, settings, settings.iterations)

    def losses():
        optimizer.zero_grad()
        with autocast(settings, features.device):
            scores = model(features, packing)
        loss, prototypes = snippet_losses.stage1(
            scores, points, model.prototypes, packing=packing, settings=settings
        )
        loss["total"].mean().backward()
        return loss | {"prototypes": prototypes}

    def run():
        prototypes = losses()["prototypes"]
        optimizer.step()
        model.prototypes.copy_(prototypes)

    def plain(videos: int):
        """The first videos alone."""
        weights = leaves(model)
        given = list(zip(*map(Packing(lengths).split, made_batch), strict=True))[:videos]
        heads, order = model.blocks[0].heads, settings.prototype_tokens
        losses, _ = oracle.stage1_batch(weights, model.prototypes.cpu(), given, heads, order, drop_last=True)
        torch.stack([loss["total"] for loss in losses]).mean().backward()

    return Step(model, losses, run, plain)


def leaves(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copies of a model's weights, on the CPU, that gather gradients."""
    return {name: value.detach().cpu().clone().requires_grad_() for name, value in model.named_parameters()}


def size_of(lengths: list[int]) -> str:
    """A batch of videos, in words."""
    return f"{len(lengths)} videos, {sum(lengths)} snippets"


def stage1(settings: dict, quick: bool, now: Clock) -> dict[str, Result]:
    """A step of the released program's stage 1, but with the default's tokens and no attention dropout.

    And one of the default's.
    """
    chosen = settings["stage1"].model_copy(update={"prototype_tokens": "paper", "attention_dropout": 0.0})
    results = {}
    for width, videos in ((256, 16), (2048, 3 if quick else 16)):
        lengths = made.lengths("train", videos)
        step = stage1_step(lengths, width, chosen)
        operations = stage1_operations(lengths, width, chosen)
        seconds, limit = at_limit(operations, 5 if width == 256 else 2 if quick else 3, now, step.run)
        share = 1 if quick else videos
        baseline = clock(partial(step.plain, share), now)
        baseline *= operations / stage1_operations(lengths[:share], width, chosen)
        size = f"{size_of(lengths)}; oracle on {share} of them"
        results[f"stage1_step_{width}"] = Result(size, seconds, baseline, limit)
    if machine.has_bfloat16():  # beside the float32 step of the last width
        rough = chosen.model_copy(update={"precision": "bfloat16"})
        half = stage1_step(lengths, width, rough)
        seconds, full = medians(2, now, half.run, step.run)
        results[f"stage1_step_{width}_bf16"] = Result(f"{size_of(lengths)}; beside float32", seconds, full)
    default = configuration().step("thumos", "stage1", "default")
    lengths = made.lengths("train", default.batch)
    step = stage1_step(lengths, 2048, default)
    seconds, limit = at_limit(stage1_operations(lengths, 2048, default), 9, now, step.run)
    results["stage1_step_default_2048"] = Result(size_of(lengths), seconds, None, limit)
    for length, videos in ((327, 16), (2600, 2)):
        step = stage1_step([length] * videos, 256, chosen)
        seconds, limit = at_limit(stage1_operations([length] * videos, 256, chosen), 3, now, step.run)
        size = f"{videos} videos of {length} snippets"
        results[f"stage1_step_256_of_{length}"] = Result(size, seconds, None, limit)
    return results


def stage2_step(videos: int, proposals: int, width: int, settings, device="cpu") -> Step:
    """A step of stage 2 on so many proposals a video; the oracle's is on 2 * FEW of them."""
    keep_memory()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    lengths = made.lengths("train", videos)
    features = [torch.randn(length, width) for length in lengths]
    ends = [torch.rand(proposals, 2).mul(length).sort(1).values for length in lengths]
    reliable = [torch.rand(made.INSTANCES, 2).mul(length).sort(1).values for length in lengths]
    model = instance_model.InstanceModel(made.CLASSES, width, settings).train().to(device)
    optimizer, _ = make_optimizer(model, settings, 100)

    # on the device
    inputs = [(x.to(device), torch.rand(len(x), made.CLASSES + 1).to(device)) for x in features]
    segments = [x.to(device) for x in ends]
    classes = torch.zeros(made.INSTANCES, dtype=torch.long, device=device)
    targets = pad_reliable([Reliable(x.to(device), classes) for x in reliable])
    labels = torch.zeros(videos * proposals, dtype=torch.long, device=device)
    video_of = Packing([proposals] * videos, device).video
    cache = VectorCache(
        lambda video, numbers: model.vectors(*inputs[video], segments[video][numbers]),
        dict.fromkeys(range(videos), proposals),
        size=VECTOR_BYTES * model.channels,
        memory=VECTORS_MEMORY,
    )

    def losses():
        optimizer.zero_grad()
        vectors = torch.cat([cache.read(video, rng.permutation(proposals)) for video in range(videos)])
        batch = Batch(vectors, torch.cat(segments), labels, video_of, targets)
        with autocast(settings, vectors.device):
            completeness, offsets = model(batch.vectors, batch.labels)
        loss = instance_losses.stage2(
            completeness,
            instance_model.refine(batch.proposals, offsets),
            batch,
            random=torch.from_numpy(rng.random(len(labels))).to(device),
            settings=settings,
        )
        loss["total"].mean().backward()
        return loss

    def run():
        losses()
        optimizer.step()

    def plain():
        """The first two videos' first proposals alone."""
        weights, losses = leaves(model), []
        for own, at, best in list(zip(features, ends, reliable, strict=True))[:2]:
            outputs = oracle.stage2_forward(weights, own, at[:FEW])
            losses.append(oracle.stage2_losses(*outputs, at[:FEW], best, torch.rand(FEW)))
        torch.stack([loss["total"] for loss in losses]).mean().backward()

    return Step(model, losses, run, plain)


def stage3_step(lengths: list[int], width: int, settings, device="cpu") -> Step:
    """A step of stage 3 on videos of such lengths, a segment for every instance."""
    keep_memory()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    instances = [segments_in(rng, length) for length in lengths]
    layout = layout_of(np.concatenate([np.diff(x)[:, 0] for x in instances]), settings.cells, settings.levels)
    features = torch.randn(sum(lengths), width).to(device)
    model = PyramidModel(made.CLASSES, width, settings, layout).train().to(device)
    optimizer, _ = make_optimizer(model, settings, settings.iterations)
    cells = Cells(lengths, layout, device)
    by_video = []
    for times, count in zip(instances, cells.lengths, strict=True):
        times = times * layout.scale
        labels = rng.choice(made.labels(rng), len(times))
        pseudo = Pseudo(times, labels, inner=times, outer=times, agreement=np.ones(len(times)))
        by_video.append(targets_of(pseudo, count, made.CLASSES, layout=layout, radius=settings.radius))
    by_level = [targets for level in zip(*by_video, strict=True) for targets in level]
    columns = map(np.concatenate, zip(*by_level, strict=True))
    batch = PyramidBatch(features, cells, Targets(*(torch.from_numpy(x).to(device) for x in columns)))

    def losses():
        optimizer.zero_grad()
        with autocast(settings, features.device):
            outputs = model(batch.features, batch.cells)
        loss = pyramid_losses.pyramid(outputs, batch, settings)
        loss["total"].backward()
        return loss

    def run():
        losses()
        optimizer.step()

    return Step(model, losses, run, None)


BY_LENGTHS = {"stage1": stage1_step, "stage3": stage3_step}  # the steps that take the videos' lengths


def segments_in(rng: np.random.Generator, length: int) -> np.ndarray:
    """The instances of a video of so many snippets: (made.INSTANCES, 2), in snippets."""
    start = rng.uniform(0, 0.95 * length, made.INSTANCES)
    return np.stack([start, np.minimum(start + 1 + rng.gamma(2, 3, made.INSTANCES), length)], axis=1)


def stage2(settings: dict, quick: bool, now: Clock) -> dict[str, Result]:
    """A step of the released program's stage 2."""
    chosen, results = settings["stage2"], {}
    for width, videos in ((256, 10), (2048, 3 if quick else 10)):
        step = stage2_step(videos, made.PROPOSALS, width, chosen)
        count = videos * made.PROPOSALS
        seconds, limit = at_limit(stage2_operations(count, width), 5, now, step.run)
        baseline = clock(step.plain, now) * count / (2 * FEW)
        size = f"{videos} videos of {made.PROPOSALS} proposals; oracle on {2 * FEW} proposals"
        results[f"stage2_step_{width}"] = Result(size, seconds, baseline, limit)
    if machine.has_bfloat16():
        half = stage2_step(videos, made.PROPOSALS, width, chosen.model_copy(update={"precision": "bfloat16"}))
        seconds, full = medians(5, now, half.run, step.run)
        size = f"{videos} videos of {made.PROPOSALS} proposals; beside float32"
        results[f"stage2_step_{width}_bf16"] = Result(size, seconds, full)
    return results
