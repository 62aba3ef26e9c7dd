"""The losses of stage 1: each a value a video, (B,)."""

import torch
from torch.nn import functional as F

from ..layers.packing import Packing, group_sum
from . import memory, seeds
from .model import SnippetScores, video_scores


def focal(prediction: torch.Tensor, target: torch.Tensor, power: float) -> torch.Tensor:
    """((1 - p) y + p (1 - y))^power times the binary cross-entropy, summed over the last axis."""
    weight = (1 - prediction) * target + prediction * (1 - target)
    return (weight**power * F.binary_cross_entropy(prediction, target, reduction="none")).sum(-1)


def frame(
    fused: torch.Tensor, target: torch.Tensor, chosen: torch.Tensor, packing: Packing, power: float
) -> torch.Tensor:
    """Focal loss of the chosen snippets, averaged in each video: (B,), 0 where none is chosen.

    fused: P (N, C + 1); target (N, C + 1) of 0 and 1; chosen (N,) of 0 and 1.
    """
    total = group_sum(focal(fused, target, power) * chosen, packing.video, len(packing))
    return total / (group_sum(chosen, packing.video, len(packing)) + 1e-6)


def video(scores: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of the video scores (B, C) and the classes present (B, C): (B,)."""
    return F.binary_cross_entropy(scores, present, reduction="none").mean(1)


def contrastive(
    embedding: torch.Tensor,
    prototypes: torch.Tensor,
    action: torch.Tensor,
    background: torch.Tensor,
    packing: Packing,
    temperature: float,
    drop_last: bool,
) -> torch.Tensor:
    """Pull the action seeds of a class to its prototype, away from the others and from the background.

    embedding (N, D); prototypes (B, C, D), as they stand when each video's turn comes; action seeds
    (N, C), background seeds (N,). For each class c of a video, with a_j and b_j the means of
    exp(cos(x, M_j) / temperature) over its action and its background seeds:
    0.5 * -log(a_c / sum_j a_j) + 0.5 * -log(a_c / (a_c + b_c)), averaged over the video's classes.
    Seeds that cover a whole video are no runs and are passed over; a video without a background run
    adds nothing. drop_last: leave out each video's last snippet, as the released program does (its
    runs that reach the video's end lose one snippet; a fault that method.md does not list). -> (B,)
    """
    present = torch.stack([video.any(0).sum() for video in packing.split(action)])
    # seeds that cover their video are no runs
    within = ~torch.stack([video.all(0) for video in packing.split(action)])  # (B, C)
    within_b = ~torch.stack([video.all() for video in packing.split(background)])  # (B,)
    if drop_last:
        action = action.masked_fill(packing.is_last.unsqueeze(1), 0)
        background = background.masked_fill(packing.is_last, 0)
    # the products are divided by x's norm, not x: that would be kept once more
    scale = temperature * embedding.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    unit = F.normalize(prototypes, dim=-1)
    split = map(packing.split, (embedding, scale, action, background))
    means = [
        seed_means(torch.exp(x @ m.T / by), own, other)
        for m, x, by, own, other in zip(unit, *split, strict=True)
    ]
    a, count, b, count_b = (torch.stack(part) for part in zip(*means, strict=True))
    counted = within & (count > 0) & (within_b & (count_b > 0)).unsqueeze(1)
    # logarithms of 1 where nothing counts, so that gradients stay finite
    a_own, total = (torch.where(counted, x, 1.0) for x in (a.diagonal(dim1=1, dim2=2), a.sum(2)))
    value = -0.5 * torch.log(a_own / total) - 0.5 * torch.log(a_own / (a_own + b))
    return torch.where(counted, value, 0.0).sum(1) / present.clamp(min=1)


def seed_means(similarity: torch.Tensor, action: torch.Tensor, background: torch.Tensor):
    """Means of a video's similarities (T, C) over its seeds: action (T, C) and background (T,).

    -> a (C, C), a row a class, its seeds (C,); b (C,), its seeds (); a mean over no seed is 0.
    """
    count, count_b = action.sum(0), background.sum()
    a = action.T @ similarity / count.clamp(min=1).unsqueeze(1)
    return a, count, background @ similarity / count_b.clamp(min=1), count_b


def stage1(
    scores: SnippetScores, points: torch.Tensor, prototypes: torch.Tensor, packing: Packing, settings
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Every loss of a batch, and the prototypes after it.

    points (N, C) of 0 and 1; prototypes (C, D); settings: `settings.Settings`. -> {name: (B,)}, with the
    weighted sum as "total", and the updated prototypes (C, D). A video's contrastive loss sees the
    prototypes as the videos before it in the batch have left them.
    """
    action, background = seeds.mine(
        scores.background.detach(),
        points,
        packing,
        settings.background_threshold,
        settings.action_threshold,
    )
    history = memory.updated(
        prototypes, scores.embedding.detach(), action, packing, settings.prototype_momentum
    )
    present = torch.stack([video.amax(0) for video in packing.split(points)])
    fused = scores.fused
    on_points = F.pad(points, (0, 1))
    on_background = F.pad(torch.zeros_like(points), (0, 1), value=1.0)
    losses = {
        "video": video(video_scores(scores.classes, packing, settings.video_top, present), present),
        "frame": frame(fused, on_points, points.amax(1), packing, settings.focal_power),
        "background": frame(fused, on_background, background, packing, settings.focal_power),
        "contrastive": contrastive(
            scores.embedding,
            history[:-1],
            action,
            background,
            packing,
            settings.temperature,
            settings.contrastive_drops_last,
        ),
    }
    weights = settings.loss_weights.model_dump()
    losses["total"] = sum(weights[name] * loss for name, loss in losses.items())
    return losses, history[-1]
