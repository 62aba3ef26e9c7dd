"""The training of the snippet network."""

from pathlib import Path

import numpy as np
import torch

from ..data.features import FeatureFile
from ..grid import Grid
from ..layers.packing import Packing
from ..training import common as training
from ..training.cache import Resident
from ..training.checkpoint import Draws, Resume
from ..utils import devices
from ..utils.progress import track
from . import losses, memory, seeds
from .model import SnippetModel
from .settings import Settings

MEMORY_BATCH = 8  # videos at a time while the prototypes are initialised


def train(
    file: FeatureFile,
    points: dict[str, list[dict]],
    classes: list[str],
    settings: Settings,
    rng: np.random.Generator,
    device: torch.device,
    events: Path,
    test: training.Test | None,
    resume: Resume,
) -> SnippetModel:
    """Stage 1. Returns the model at the end or, where `test` is given, the best tested one."""
    model = SnippetModel(len(classes), file.width, settings).to(device)
    videos = file.videos

    there = Resident(file, device, devices.feature_cache_size(device))

    def batch_of(chosen) -> tuple[torch.Tensor, torch.Tensor, Packing]:
        names = [videos[i] for i in chosen]
        features, packing = there.packed(names)
        return features, point_labels(names, packing, points, classes, file.grid).to(device), packing

    optimizer, schedule = training.optimizer(model, settings, settings.iterations)
    batches, best = training.Batches(len(videos), settings.batch, rng), training.Best(test)
    state = {"model": model, "optimizer": optimizer, "schedule": schedule, "batches": batches, "best": best}
    state["draws"] = Draws(rng, device)
    if not (done := resume.restore(state)):
        model.inputs.fit(file)
        model.prototypes.copy_(initial_prototypes(model, batch_of, len(videos)))
    status = {}
    steps = range(done + 1, settings.iterations + 1)
    with training.Events(events, done, status) as noted:
        for step in track(steps, settings.iterations, "stage 1", status, done):
            model.train()
            optimizer.zero_grad()  # before the forward pass, which then has their memory
            features, labels, packing = batch_of(next(batches))
            there.prefetch([videos[i] for i in batches.following()])
            with training.autocast(settings, device):
                scores = model(features, packing)
            values, prototypes = losses.stage1(scores, labels, model.prototypes, packing, settings)
            values["total"].mean().backward()
            rate = schedule.get_last_lr()[0]
            optimizer.step()
            schedule.step()

            shown = {f"loss/{name}": loss for name, loss in values.items()}
            shown["prototype movement"] = (prototypes - model.prototypes).norm(dim=1)
            noted.add(step, rate, shown)
            model.prototypes.copy_(prototypes)
            if step % settings.test_every == 0 or step == settings.iterations:
                best.offer(model, step, noted)
            resume.offer(step, state, noted)
    return best.restore(model)


@torch.no_grad()
def initial_prototypes(model: SnippetModel, batch_of, videos: int) -> torch.Tensor:
    """The mean embedding of the labelled snippets of each class, by the untrained network: (C, D).

    A class without a point keeps a zero prototype (fault 10).
    """
    model.eval()
    total, count = torch.zeros_like(model.prototypes), 0
    for first in range(0, videos, MEMORY_BATCH):
        features, labels, packing = batch_of(range(first, min(first + MEMORY_BATCH, videos)))
        mean, size = memory.class_means(model(features, packing).embedding, labels)
        total += mean * size.unsqueeze(1)
        count = count + size
    return total / count.clamp(min=1).unsqueeze(1)


def point_labels(
    videos: list[str], packing: Packing, points: dict, classes: list[str], grid: Grid
) -> torch.Tensor:
    """The point labels of some packed training videos, (N, C) of 0 and 1, on the CPU."""
    pairs = zip(videos, packing.lengths, strict=True)
    return torch.cat([seeds.point_labels(points[video], classes, length, grid) for video, length in pairs])
