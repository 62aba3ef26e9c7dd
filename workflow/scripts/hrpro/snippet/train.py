"""The training of the snippet network."""

from pathlib import Path

import numpy as np
import torch

from .. import config, training
from ..features import FeatureFile
from ..packing import Packing
from ..progress import track
from ..resume import Draws, Resume
from . import losses, memory, seeds
from .model import SnippetModel

MEMORY_BATCH = 8  # videos at a time while the prototypes are initialised


def train(
    file: FeatureFile,
    points: dict[str, list[dict]],
    classes: list[str],
    settings: config.Stage1,
    rng: np.random.Generator,
    device: torch.device,
    events: Path,
    test: training.Test | None,
    resume: Resume,
) -> SnippetModel:
    """Stage 1. Returns the model at the end or, where `test` is given, the best tested one."""
    model = SnippetModel(len(classes), file.width, settings).to(device)
    videos = file.videos["train"]

    def batch_of(chosen) -> tuple[torch.Tensor, torch.Tensor, Packing]:
        return load_batch(file, [videos[i] for i in chosen], points, classes, device)

    optimizer, schedule = training.optimizer(model, settings, settings.iterations)
    batches, best = training.Batches(len(videos), settings.batch, rng), training.Best(test)
    state = {"model": model, "optimizer": optimizer, "schedule": schedule, "batches": batches, "best": best}
    state["draws"] = Draws(rng, device)
    if not (done := resume.restore(state)):
        model.inputs.fit(file)
        model.prototypes.copy_(initial_prototypes(model, batch_of, len(videos)))
    status = {}
    steps = range(done + 1, settings.iterations + 1)
    with training.event_writer(events, done) as writer:
        for step in track(steps, settings.iterations, "stage 1", status, done):
            model.train()
            features, labels, packing = batch_of(next(batches))
            values, prototypes = losses.stage1(
                model(features, packing), labels, model.prototypes, packing, settings
            )
            optimizer.zero_grad()
            values["total"].mean().backward()
            optimizer.step()
            schedule.step()

            moved = (prototypes - model.prototypes).norm(dim=1).mean()
            model.prototypes.copy_(prototypes)
            training.report(writer, step, values, optimizer, status)
            writer.add_scalar("prototype movement", moved, step)
            if step % settings.test_every == 0 or step == settings.iterations:
                best.offer(model, step, writer)
            resume.offer(step, state)
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


def load_batch(
    file: FeatureFile, videos: list[str], points: dict, classes: list[str], device
) -> tuple[torch.Tensor, torch.Tensor, Packing]:
    """Features (N, D), point labels (N, C) and packing of some training videos."""
    packed, lengths = file.read("train", videos)
    labels = torch.cat(
        [seeds.point_labels(points[v], classes, t, file.grid) for v, t in zip(videos, lengths, strict=True)]
    )
    return torch.from_numpy(packed).to(device), labels.to(device), Packing(lengths, device)
