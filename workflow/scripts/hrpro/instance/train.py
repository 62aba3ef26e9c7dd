"""The training of the instance network."""

from pathlib import Path

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from .. import config, training
from ..detections import Segments, join
from ..errors import InputError
from ..features import FeatureFile
from ..packing import Packing
from ..progress import track
from . import losses, roi
from .model import InstanceModel, refine


def train(
    file: FeatureFile,
    positive: dict[str, Segments],
    reliable: dict[str, Segments],
    negative: dict[str, Segments],
    settings: config.Stage2,
    rng: np.random.Generator,
    device: torch.device,
    events: Path,
    test: training.Test | None,
) -> InstanceModel:
    """Stage 2. Returns the model at the end or, where `test` is given, the best tested one."""
    model = InstanceModel(file.width, settings).to(device)
    optimizer = torch.optim.Adam(
        model.parameters(),
        lr=settings.learning_rate,
        betas=tuple(settings.betas),
        weight_decay=settings.weight_decay,
    )

    def snippets(times: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(file.grid.snippets(times)).float().to(device)

    videos = [v for v in file.videos["train"] if len(positive[v]) + len(negative[v])]
    if not videos:
        raise InputError(
            "no training video has a proposal; lower proposals.class_score or train stage 1 longer"
        )
    candidates = {v: snippets(join([positive[v], negative[v]]).times) for v in videos}
    targets = {v: snippets(reliable[v].times) for v in videos}
    per_epoch = max(1, len(videos) // settings.batch)
    best = training.Best(test)
    status = {}
    total = settings.epochs * per_epoch
    steps = zip(range(1, total + 1), training.batches(len(videos), settings.batch, rng), strict=False)
    with SummaryWriter(events) as writer:
        for step, chosen in track(steps, total, "stage 2", status):
            model.train()
            names = [videos[i] for i in chosen]
            drawn = [draw(candidates[v], settings.proposals, rng) for v in names]
            features = [torch.from_numpy(file.read("train", [v])[0]).to(device) for v in names]
            bins, margin = settings.roi_bins, settings.roi_margin
            vectors = torch.cat(
                [roi.vectors(f, p, bins, margin) for f, p in zip(features, drawn, strict=True)]
            )
            proposals = torch.cat(drawn)
            completeness, offsets = model(vectors)
            values = losses.stage2(
                completeness,
                refine(proposals, offsets),
                proposals,
                Packing([len(p) for p in drawn], device).video,
                [targets[v] for v in names],
                torch.from_numpy(rng.random(len(proposals))).to(device),
                settings,
            )
            optimizer.zero_grad()
            values["total"].mean().backward()
            optimizer.step()

            training.report(writer, step, values, optimizer, status)
            if step % (settings.test_every * per_epoch) == 0 or step == total:
                best.offer(model, step, writer)
    return best.restore(model)


def draw(proposals: torch.Tensor, most: int, rng: np.random.Generator) -> torch.Tensor:
    """At most `most` of the proposals (M, 2), drawn at random."""
    if len(proposals) <= most:
        return proposals
    return proposals[torch.from_numpy(rng.permutation(len(proposals))[:most]).to(proposals.device)]
