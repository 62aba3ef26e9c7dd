"""The losses of stage 2, each a value per video, (B,) (docs/method.md, sections 5.3 and 5.4)."""

import torch
from torch.nn import functional as F

from ..layers.packing import group_sum
from .dataset import Batch, Reliable
from .settings import Settings


def best_tiou(
    segments: torch.Tensor, labels: torch.Tensor, video: torch.Tensor, reliable: Reliable
) -> torch.Tensor:
    """The tIoU of each segment with the best reliable proposal of its video and class.

    segments (M, 2), in snippets, their classes (M,) and videos (M,); reliable: of B videos -> (M,), 0
    where the video has no reliable proposal of the class.

    Not `detection.segments.tiou`: this one has gradients, takes the reliable proposals of all videos at
    once, and keeps the released program's bound on the union.
    """
    target = reliable.segments.index_select(0, video)  # (M, K, 2); a padding [0, 0] overlaps nothing
    start = torch.maximum(segments[:, None, 0], target[..., 0])
    end = torch.minimum(segments[:, None, 1], target[..., 1])
    intersection = (end - start).clamp(min=0)
    union = (segments[:, 1] - segments[:, 0])[:, None] + target[..., 1] - target[..., 0] - intersection
    same_class = reliable.labels.index_select(0, video) == labels[:, None]
    return (intersection / union.clamp(min=1e-6) * same_class).max(1).values


def stage2(
    completeness: torch.Tensor,
    refined: torch.Tensor,
    batch: Batch,
    *,
    random: torch.Tensor,
    settings: Settings,
) -> dict[str, torch.Tensor]:
    """Every loss of a batch -> {name: (B,)}, the weighted sum as "total".

    completeness (M,) and refined (M, 2), in snippets, of the batch's proposals; random (M,): uniform in
    [0, 1), it decides which proposals of low tIoU count. A proposal without a class has target 0 with
    `targets: own_class`. A mean over no proposal is 0.
    """
    videos = len(batch.reliable.labels)
    labels, reliable = batch.labels, batch.reliable
    if settings.targets == "any_class":  # as if all were of one class
        labels = torch.zeros_like(labels)
        reliable = Reliable(reliable.segments, torch.zeros_like(reliable.labels))
    target = best_tiou(batch.proposals, labels, batch.video, reliable)
    high = (target >= settings.tiou_positive).to(target.dtype)
    low = 1 - high
    highs, lows = group_sum(high, batch.video, videos), group_sum(low, batch.video, videos)
    share = (highs / lows.clamp(min=1)).clamp(max=1)
    counted = high + (random * low > 1 - share[batch.video]).to(target.dtype)

    distance = 1 - best_tiou(refined, labels, batch.video, reliable)
    regression = F.smooth_l1_loss(distance, torch.zeros_like(distance), reduction="none")
    completion = F.smooth_l1_loss(completeness, target, reduction="none")
    losses = {
        "regression": weighted_mean(regression, high, batch.video, videos),
        "completeness": weighted_mean(completion, counted, batch.video, videos),
    }
    weights = settings.loss_weights.model_dump()
    losses["total"] = sum(weights[name] * loss for name, loss in losses.items())
    return losses


def weighted_mean(loss: torch.Tensor, weight: torch.Tensor, video: torch.Tensor, videos: int) -> torch.Tensor:
    """The mean of each video's losses (M,), weighted by 0 or 1: (videos,)."""
    size = group_sum(weight, video, videos)
    return group_sum(loss * weight, video, videos) / size.clamp(min=1)
