"""The losses that methods of stage 1 share (docs/method.md, section 2.6)."""

import torch
from torch.nn import functional as F

from ..layers.packing import Packing, group_sum
from ..layers.scores import SnippetScores, video_scores
from ..utils.settings import Strict


def cross_entropy(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy, elementwise; NaN of NaN, on which torch's own stops the process."""
    value = F.binary_cross_entropy(prediction.nan_to_num(), target, reduction="none")
    return torch.where(prediction.isnan(), prediction, value)


def focal(prediction: torch.Tensor, target: torch.Tensor, power: float) -> torch.Tensor:
    """|p - y|^power times the binary cross-entropy, y of 0 and 1, summed over the last axis (eq. 10)."""
    return ((prediction - target).abs() ** power * cross_entropy(prediction, target)).sum(-1)


def frame(
    fused: torch.Tensor, targets: torch.Tensor, masks: torch.Tensor, *, packing: Packing, power: float
) -> torch.Tensor:
    """The mean focal loss of the masked snippets of each video: (K, B), 0 without one (eq. 11 and 12).

    fused: P (N, C + 1); K kinds of targets (K, N, C + 1) and masks (K, N), of 0 and 1.
    """
    loss = focal(fused.expand_as(targets), targets, power) * masks
    total, count = (group_sum(x.T, packing.video, len(packing)).T for x in (loss, masks))
    return total / (count + 1e-6)


def video(scores: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of the video scores (B, C) with the classes present (B, C): (B,) (eq. 13)."""
    return cross_entropy(scores, present).mean(1)


def labelled(
    scores: SnippetScores,
    points: torch.Tensor,
    background: torch.Tensor,
    *,
    packing: Packing,
    settings: Strict,
) -> dict[str, torch.Tensor]:
    """The losses on what is labelled: "frame" (the points), "background", and "video" if weighted, (B,) each.

    points (N, C) and background seeds (N,), of 0 and 1; settings with loss_weights, video_top, focal_power.
    """
    is_action = F.pad(points, (0, 1))
    is_background = F.pad(torch.zeros_like(points), (0, 1), value=1.0)
    of_action, of_background = frame(
        scores.fused,
        torch.stack([is_action, is_background]),
        torch.stack([points.amax(1), background]),
        packing=packing,
        power=settings.focal_power,
    )
    losses = {"frame": of_action, "background": of_background}
    if settings.loss_weights.video:
        present = (group_sum(points, packing.video, len(packing)) > 0).to(points.dtype)
        shown = video_scores(scores.classes, packing, settings.video_top, present)
        losses["video"] = video(shown, present)
    return losses


def weighted(losses: dict[str, torch.Tensor], weights: Strict) -> torch.Tensor:
    """The weighted sum of losses (B,); one of weight 0 has no gradient."""
    weights = weights.model_dump()
    return sum(weights[name] * loss for name, loss in losses.items() if weights[name])
