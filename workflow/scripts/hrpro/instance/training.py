"""The training of the instance network."""

from pathlib import Path

import numpy as np
import torch

from ..data.features import FeatureFile
from ..data.scores import ScoreFile
from ..detection.segments import Segments, join
from ..layers.packing import Packing
from ..training import common as training
from ..training.cache import Resident
from ..training.checkpoint import Draws, Resume
from ..utils import devices
from ..utils.errors import InputError
from ..utils.progress import track
from . import losses
from .model import InstanceModel, refine
from .settings import Settings
from .vectors import Vectors


def train(
    file: FeatureFile,
    scores: ScoreFile,
    positive: dict[str, Segments],
    reliable: dict[str, Segments],
    negative: dict[str, Segments],
    settings: Settings,
    rng: np.random.Generator,
    device: torch.device,
    events: Path,
    test: training.Test | None,
    resume: Resume,
    memory: int,
) -> InstanceModel:
    """Stage 2. Returns the model at the end or, where `test` is given, the best tested one.

    memory: MB of RoI vectors kept from step to step.
    """
    model = InstanceModel(file.width, len(scores.classes), settings).to(device)

    def on_device(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(device)

    def snippets(times: np.ndarray) -> torch.Tensor:
        return on_device(file.grid.snippets(times)).float()

    def vectors_of(video: str, chosen: np.ndarray) -> torch.Tensor:
        return model.vectors(
            there.of(video),
            on_device(scores.read(video).fused),
            snippets(candidates[video].times[chosen]),
        )

    there = Resident(file, device, devices.feature_cache_size(device))
    videos = [v for v in file.videos if len(positive[v])]
    if not videos:
        raise InputError(
            "no training video has a proposal; lower proposals.class_score or train stage 1 longer"
        )
    candidates = {v: join([positive[v], negative[v]]) for v in videos}
    if settings.class_given:
        candidates = {v: labelled(positive[v], negative[v], rng) for v in videos}
    targets = {v: (snippets(reliable[v].times), on_device(reliable[v].labels)) for v in videos}
    counts = {v: len(candidates[v]) for v in videos}
    vectors = Vectors(vectors_of, counts, 3 * 4 * model.channels, memory)
    per_epoch = max(1, len(videos) // settings.batch)
    total = settings.iterations if settings.epochs is None else settings.epochs * per_epoch
    optimizer, schedule = training.optimizer(model, settings, total)
    batches, best = training.Batches(len(videos), settings.batch, rng), training.Best(test)
    state = {"model": model, "optimizer": optimizer, "schedule": schedule, "batches": batches, "best": best}
    state["draws"] = Draws(rng, device)
    if not (done := resume.restore(state)):
        model.inputs.fit(file)
    status = {}
    with training.Events(events, done, status) as noted:
        for step in track(range(done + 1, total + 1), total, "stage 2", status, done):
            model.train()
            optimizer.zero_grad()  # before the forward pass, which then has their memory
            names = [videos[i] for i in next(batches)]
            chosen = [draw(len(candidates[v]), settings.proposals, rng) for v in names]
            drawn = [candidates[v].take(own) for v, own in zip(names, chosen, strict=True)]
            given = join(drawn)
            proposals, labels = snippets(given.times), on_device(given.labels)
            own = torch.cat([vectors.of(v, numbers) for v, numbers in zip(names, chosen, strict=True)])
            there.prefetch([v for v in (videos[i] for i in batches.following()) if v not in vectors.kept])
            with training.autocast(settings, device):
                completeness, offsets = model(own, labels)
            reliable_at, reliable_labels = zip(*(targets[v] for v in names), strict=True)
            values = losses.stage2(
                completeness,
                refine(proposals, offsets),
                proposals,
                Packing([len(part) for part in drawn], device).video,
                list(reliable_at),
                labels,
                list(reliable_labels),
                on_device(rng.random(len(proposals))),
                settings,
            )
            values["total"].mean().backward()
            rate = schedule.get_last_lr()[0]
            optimizer.step()
            schedule.step()

            noted.add(step, rate, {f"loss/{name}": loss for name, loss in values.items()})
            if step % (settings.test_every * per_epoch) == 0 or step == total:
                best.offer(model, step, noted)
            resume.offer(step, state, noted)
    return best.restore(model)


def labelled(positive: Segments, negative: Segments, rng: np.random.Generator) -> Segments:
    """A video's positive proposals and its negatives, each of these with a class drawn from the positives'.

    So every class's outputs see background, and a negative that overlaps a reliable proposal of the
    class that it got is told so by its target.
    """
    drawn = rng.choice(np.unique(positive.labels), len(negative))
    return join([positive, Segments(negative.times, drawn, negative.scores)])


def draw(count: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """The numbers of at most `most` of `count` proposals, drawn at random."""
    return np.arange(count) if count <= most else rng.permutation(count)[:most]
