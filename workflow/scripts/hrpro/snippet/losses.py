"""The losses of stage 1, each a value per video, (B,) (docs/method.md, section 2.6)."""

import torch
from torch.nn import functional as F

from ..layers.packing import Packing, group_sum
from . import memory, seeds
from .model import SnippetScores, video_scores
from .settings import Settings


def cross_entropy(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy, elementwise; NaN of NaN, on which torch's own stops the process."""
    value = F.binary_cross_entropy(prediction.nan_to_num(), target, reduction="none")
    return torch.where(prediction.isnan(), prediction, value)


def focal(prediction: torch.Tensor, target: torch.Tensor, power: float) -> torch.Tensor:
    """((1 - p) y + p (1 - y))^power times the binary cross-entropy, summed over the last axis (eq. 10)."""
    weight = (1 - prediction) * target + prediction * (1 - target)
    return (weight**power * cross_entropy(prediction, target)).sum(-1)


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


def contrastive(
    embedding: torch.Tensor,
    prototypes: torch.Tensor,
    packing: Packing,
    *,
    action: torch.Tensor,
    background: torch.Tensor,
    temperature: float,
    drop_last: bool,
) -> torch.Tensor:
    """Pull the action seeds of a class to its prototype, away from the others and from the background.

    embedding (N, D); prototypes (B, C, D), as they stand when each video's turn comes; action seeds
    (N, C), background seeds (N,). For each class c of a video, with a_j and b_j the means of
    exp(cos(x, M_j) / temperature) over its action and its background seeds:
    0.5 * -log(a_c / sum_j a_j) + 0.5 * -log(a_c / (a_c + b_c)), averaged over the video's classes (eq. 14).
    Seeds that cover a whole video are not runs and are skipped; a video without a background run adds
    nothing. drop_last: leave out each video's last snippet, as the released program does (fault 12). -> (B,)
    """
    # seeds that cover their video are not runs
    count, count_b = (group_sum(seeds, packing.video, len(packing)) for seeds in (action, background))
    present = (count > 0).sum(1)
    within = count < packing.sizes.unsqueeze(1)  # (B, C)
    within_b = count_b < packing.sizes  # (B,)
    if drop_last:
        action = action.masked_fill(packing.is_last.unsqueeze(1), 0)
        background = background.masked_fill(packing.is_last, 0)
        count, count_b = (group_sum(seeds, packing.video, len(packing)) for seeds in (action, background))
    # the products are divided by x's norm, not x, of which a second copy would be kept
    scale = temperature * embedding.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    similarity = torch.exp(packing.products(embedding, F.normalize(prototypes, dim=-1)) / scale)  # (N, C)
    a = packing.sums(action, similarity) / count.clamp(min=1).unsqueeze(2)  # (B, C, C), a row per class
    b = packing.sums(background.unsqueeze(1), similarity).squeeze(1)
    b = b / count_b.clamp(min=1).unsqueeze(1)  # (B, C)
    counted = within & (count > 0) & (within_b & (count_b > 0)).unsqueeze(1)
    # logarithms of 1 where nothing counts, so that gradients stay finite
    a_same, total = (torch.where(counted, x, 1.0) for x in (a.diagonal(dim1=1, dim2=2), a.sum(2)))
    value = -0.5 * torch.log(a_same / total) - 0.5 * torch.log(a_same / (a_same + b))
    return torch.where(counted, value, 0.0).sum(1) / present.clamp(min=1)


def stage1(
    scores: SnippetScores,
    points: torch.Tensor,
    prototypes: torch.Tensor,
    *,
    packing: Packing,
    settings: Settings,
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Every loss of a batch, and the prototypes after it.

    points (N, C) of 0 and 1; prototypes (C, D). -> {name: (B,)}, with the weighted sum as "total", and
    the updated prototypes (C, D). A video's contrastive loss sees the prototypes as the videos before it
    in the batch have left them.
    """
    action, background = seeds.mine(
        scores.background.detach(),
        points,
        packing,
        background_threshold=settings.background_threshold,
        action_threshold=settings.action_threshold,
    )
    history = memory.updated(
        prototypes,
        scores.embedding.detach(),
        action,
        packing=packing,
        momentum=settings.prototype_momentum,
    )
    present = (group_sum(points, packing.video, len(packing)) > 0).to(points.dtype)
    is_action = F.pad(points, (0, 1))
    is_background = F.pad(torch.zeros_like(points), (0, 1), value=1.0)
    of_action, of_background = frame(
        scores.fused,
        torch.stack([is_action, is_background]),
        torch.stack([points.amax(1), background]),
        packing=packing,
        power=settings.focal_power,
    )
    losses = {
        "video": video(video_scores(scores.classes, packing, settings.video_top, present), present),
        "frame": of_action,
        "background": of_background,
        "contrastive": contrastive(
            scores.embedding,
            history[:-1],
            packing,
            action=action,
            background=background,
            temperature=settings.temperature,
            drop_last=settings.contrastive_drops_last,
        ),
    }
    weights = settings.loss_weights.model_dump()
    losses["total"] = sum(weights[name] * loss for name, loss in losses.items() if weights[name])
    return losses, history[-1]
