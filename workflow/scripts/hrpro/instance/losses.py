"""The losses of stage 2: each a value a video, (B,)."""

import torch
from torch.nn import functional as F

from ..layers.packing import group_sum


def best_tiou(
    proposals: torch.Tensor,
    video: torch.Tensor,
    reliable: list[torch.Tensor],
    labels: torch.Tensor,
    reliable_labels: list[torch.Tensor],
) -> torch.Tensor:
    """tIoU of each proposal with the best reliable proposal of its video and class.

    proposals (M, 2), their videos (M,) and classes (M,); reliable: (K_v, 2) a video, with their classes
    (K_v,); all in snippets -> (M,), 0 where the video has no reliable proposal of the class. Where
    classes are not to count (fault 2), they all are the same.
    """
    most = max(1, *(len(segments) for segments in reliable))
    padded = torch.stack([F.pad(segments, (0, 0, 0, most - len(segments))) for segments in reliable])
    padded_labels = torch.stack([F.pad(given, (0, most - len(given)), value=-1) for given in reliable_labels])
    target = padded[video]  # (M, K, 2); a padding [0, 0] overlaps nothing
    start = torch.maximum(proposals[:, None, 0], target[..., 0])
    end = torch.minimum(proposals[:, None, 1], target[..., 1])
    inside = (end - start).clamp(min=0)
    union = (proposals[:, 1] - proposals[:, 0])[:, None] + target[..., 1] - target[..., 0] - inside
    own = padded_labels[video] == labels[:, None]
    return (inside / union.clamp(min=1e-6) * own).max(1).values


def stage2(
    completeness: torch.Tensor,
    refined: torch.Tensor,
    proposals: torch.Tensor,
    video: torch.Tensor,
    reliable: list[torch.Tensor],
    labels: torch.Tensor,
    reliable_labels: list[torch.Tensor],
    draw: torch.Tensor,
    settings,
) -> dict[str, torch.Tensor]:
    """Every loss of a batch of B videos with M proposals in all -> {name: (B,)}, the sum as "total".

    completeness (M,); refined and proposals (M, 2) in snippets; video (M,); reliable: (K_v, 2) a
    video; the classes of both (a proposal of class -1 has target 0); draw (M,): uniform in [0, 1), it
    chooses the low-tIoU proposals that count; settings: `settings.Settings`. An average over no proposal
    is 0.
    """
    videos = len(reliable)
    if settings.targets == "any_class":
        labels = torch.zeros_like(labels)
        reliable_labels = [torch.zeros_like(given) for given in reliable_labels]
    target = best_tiou(proposals, video, reliable, labels, reliable_labels)
    high = (target >= settings.tiou_positive).to(target.dtype)
    low = 1 - high
    positives, others = group_sum(high, video, videos), group_sum(low, video, videos)
    share = (positives / others.clamp(min=1)).clamp(max=1)
    counts = high + (draw * low > 1 - share[video]).to(target.dtype)

    distance = 1 - best_tiou(refined, video, reliable, labels, reliable_labels)
    regression = F.smooth_l1_loss(distance, torch.zeros_like(distance), reduction="none")
    completion = F.smooth_l1_loss(completeness, target, reduction="none")
    losses = {
        "regression": weighted_mean(regression, high, video, videos),
        "completeness": weighted_mean(completion, counts, video, videos),
    }
    weights = settings.loss_weights.model_dump()
    losses["total"] = sum(weights[name] * loss for name, loss in losses.items())
    return losses


def weighted_mean(loss: torch.Tensor, weight: torch.Tensor, video: torch.Tensor, videos: int) -> torch.Tensor:
    """Mean of the losses (M,) of each video, weighted by 0 or 1: (B,)."""
    size = group_sum(weight, video, videos)
    return group_sum(loss * weight, video, videos) / size.clamp(min=1)
