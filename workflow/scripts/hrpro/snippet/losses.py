"""The losses of stage 1: each a value a video, (B,)."""

import torch
from torch.nn import functional as F

from ..packing import Packing, group_mean, group_sum
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
    row = chosen.nonzero().squeeze(1)
    video = packing.video[row]
    total = group_sum(focal(fused[row], target[row], power), video, len(packing))
    return total / (torch.bincount(video, minlength=len(packing)).to(total.dtype) + 1e-6)


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
    exp(<x, M_j> / temperature) over its action and its background seeds:
    0.5 * -log(a_c / sum_j a_j) + 0.5 * -log(a_c / (a_c + b_c)), averaged over the video's classes.
    Seeds that cover a whole video are no runs and are passed over; a video without a background run
    adds nothing. drop_last: leave out each video's last snippet, as the released program does (its
    runs that reach the video's end lose one snippet; a fault that method.md does not list). -> (B,)
    """
    videos, classes = len(packing), action.shape[1]
    unit, centre = F.normalize(embedding, dim=-1), F.normalize(prototypes, dim=-1)
    product = torch.cat([x @ m.T for x, m in zip(packing.split(unit), centre, strict=True)])
    similarity = torch.exp(product / temperature)  # (N, C)

    pair, index, rows, partial = runs(action, packing, drop_last)
    owner, own = pair // classes, pair % classes
    a = group_mean(similarity[rows], index, len(pair))  # (pairs, C)

    owner_b, index, rows, partial_b = runs(background.unsqueeze(1), packing, drop_last)
    b = similarity.new_zeros(videos, classes)
    b[owner_b] = group_mean(similarity[rows], index, len(owner_b))
    has_background = torch.zeros(videos, dtype=torch.bool, device=b.device)
    has_background[owner_b] = partial_b

    a_own = a.gather(1, own.unsqueeze(1)).squeeze(1)
    value = -0.5 * torch.log(a_own / a.sum(1)) - 0.5 * torch.log(a_own / (a_own + b[owner, own]))
    value = torch.where(partial & has_background[owner], value, 0.0)
    present = torch.stack([video.any(0).sum() for video in packing.split(action)])
    return group_sum(value, owner, videos) / present.clamp(min=1)


def runs(seeds: torch.Tensor, packing: Packing, drop_last: bool):
    """The runs of seeds (N, K) of 0 and 1, by pairs of a video and a column.

    -> pair = video * K + column (P,), the pair of each seed (S,), the row of each seed (S,), and
    whether the pair's seeds leave something of the video (P,).
    """
    columns = seeds.shape[1]
    whole = torch.stack([video.all(0) for video in packing.split(seeds)]).flatten()
    if drop_last:
        seeds = seeds.masked_fill(packing.is_last.unsqueeze(1), 0)
    rows, column = seeds.nonzero(as_tuple=True)
    pair, index = torch.unique(packing.video[rows] * columns + column, return_inverse=True)
    return pair, index, rows, ~whole[pair]


def stage1(
    scores: SnippetScores, points: torch.Tensor, prototypes: torch.Tensor, packing: Packing, settings
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Every loss of a batch, and the prototypes after it.

    points (N, C) of 0 and 1; prototypes (C, D); settings: `config.Stage1`. -> {name: (B,)}, with the
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
