"""LACP's losses, each a value per video, (B,) (docs/method.md, section 11.4)."""

import numpy as np
import torch
from torch.nn import functional as F

from ..layers.packing import Packing, group_sum
from ..layers.scores import SnippetScores
from ..training import seeds
from ..training.losses import labelled, weighted
from ..utils.devices import send
from .instances import Instances, contrasted
from .settings import Settings

LEAST = -1e4  # a logarithm of nothing whose gradient is 0 and not NaN


def score_contrast(activation: torch.Tensor, instances: Instances, videos: int) -> torch.Tensor:
    """(A + G)^2: the means of 1 - R over a video's action and its background instances, 0 without any.

    activation: S (1 - B) (N, C); R is taken on it for an action, on 1 minus it for background. -> (B,)
    """
    device, classes = activation.device, activation.shape[1]
    total = F.pad(activation.double().cumsum(0), (0, 0, 1, 0)).flatten()
    ends = np.stack([instances.start, instances.end, instances.low, instances.high])
    start, end, low, high = total[send(ends * classes + instances.label, device)]
    size = instances.end - instances.start
    around = instances.high - instances.low - size
    sizes = send(np.stack([size, np.maximum(around, 1)]), device)
    inner, outer = (end - start) / sizes[0], (high - low - (end - start)) / sizes[1]
    action, flanked = send(np.stack([instances.action, around > 0]), device)
    on_background = torch.where(flanked, outer - inner, 1 - inner)
    loss = 1 - torch.where(action, inner - outer, on_background)

    kind = 2 * instances.video + instances.action
    count = np.bincount(kind, minlength=2 * videos).clip(min=1)
    means = group_sum(loss, send(kind, device), 2 * videos) / send(count, device)
    return (means.unflatten(0, (videos, 2)).sum(1) ** 2).to(activation.dtype)


def feature_contrast(
    embedding: torch.Tensor,
    draws: np.ndarray,
    instances: Instances,
    videos: int,
    *,
    temperature: float,
    contrast_of: str,
) -> torch.Tensor:
    """Pull the action instances of a class in a video to each other, away from its background instances.

    embedding (N, H); draws (J, parts): the snippets whose mean stands for each instance. A video's loss is
    the mean over its classes with at least two action instances, or that of the last one (fault 13). -> (B,)
    """
    device = embedding.device
    chosen, numbers, sizes = contrasted(instances, contrast_of)
    if not len(chosen):
        return embedding.new_zeros(videos)
    vectors = F.normalize(embedding[send(draws[numbers], device)].mean(1), dim=1)
    groups = Packing(sizes, device)
    x = groups.pad(vectors)  # (G, L, H)
    action = groups.pad(send(chosen.action, device).to(x.dtype)) > 0  # (G, L)
    real = groups.pad(torch.ones_like(vectors[:, 0])) > 0
    similarity = x @ x.transpose(1, 2) / temperature
    others = real.unsqueeze(1) & ~torch.eye(x.shape[1], dtype=torch.bool, device=device)
    same, every = (
        similarity.masked_fill(~which, LEAST).logsumexp(2) for which in (others & action.unsqueeze(1), others)
    )
    of_group = torch.where(action, every - same, 0.0).sum(1) / action.sum(1)

    video = chosen.video[np.cumsum(sizes) - 1]
    count = np.bincount(video, minlength=videos).clip(min=1)
    return group_sum(of_group, send(video, device), videos) / send(count, device)


def lacp(
    scores: SnippetScores,
    points: torch.Tensor,
    *,
    packing: Packing,
    instances: Instances,
    draws: np.ndarray,
    settings: Settings,
) -> dict[str, torch.Tensor]:
    """Every loss of a batch: {name: (B,)}, with the weighted sum as "total".

    points (N, C) of 0 and 1; instances: what the latest search has found; draws: `instances.draw`'s.
    """
    _, background = seeds.mine(
        scores.background.detach(),
        points,
        packing,
        background_threshold=settings.background_threshold,
        action_threshold=settings.action_threshold,
    )
    losses = {
        **labelled(scores, points, background, packing=packing, settings=settings),
        "score": score_contrast(scores.fused[:, :-1], instances, len(packing)),
        "feature": feature_contrast(
            scores.embedding,
            draws,
            instances,
            len(packing),
            temperature=settings.temperature,
            contrast_of=settings.contrast_of,
        ),
    }
    losses["total"] = weighted(losses, settings.loss_weights)
    return losses
