"""The losses of stage 1, each a value per video, (B,) (docs/method.md, section 2.6)."""

import torch
from torch.nn import functional as F

from ..layers.packing import Packing, group_sum
from ..layers.scores import SnippetScores, video_scores
from ..training import seeds
from ..training.losses import labelled, video, weighted
from . import memory
from .settings import Settings


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
    every = torch.cat([action, background.unsqueeze(1)], dim=1)  # (N, C + 1), the background's last
    count = group_sum(every, packing.video, len(packing))
    present = (count[:, :-1] > 0).sum(1)
    within = count < packing.sizes.unsqueeze(1)  # seeds that cover their video are not runs
    if drop_last:
        every = every.masked_fill(packing.is_last.unsqueeze(1), 0)
        count = group_sum(every, packing.video, len(packing))
    runs = within & (count > 0)
    uncounted = ~(runs[:, :-1] & runs[:, -1:])  # (B, C)
    # the products are divided by x's norm, not x, of which a second copy would be kept
    scale = temperature * embedding.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    similarity = torch.exp(packing.products(embedding, F.normalize(prototypes, dim=-1)) / scale)  # (N, C)
    count = count.clamp(min=1).unsqueeze(2)
    a = packing.sums(every[:, :-1], similarity) / count[:, :-1]  # (B, C, C), a row per class
    b = packing.sums(every[:, -1:], similarity).squeeze(1) / count[:, -1]  # (B, C)
    # logarithms of 1 where nothing counts, so that gradients stay finite
    a_same, total = (x.masked_fill(uncounted, 1.0) for x in (a.diagonal(dim1=1, dim2=2), a.sum(2)))
    value = -0.5 * torch.log(a_same / total) - 0.5 * torch.log(a_same / (a_same + b))
    return value.masked_fill(uncounted, 0.0).sum(1) / present.clamp(min=1)


def stage1(
    scores: SnippetScores,
    points: torch.Tensor,
    prototypes: torch.Tensor,
    *,
    packing: Packing,
    settings: Settings,
    background: torch.Tensor | None = None,
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Every loss of a batch, and the prototypes after it.

    points (N, C) of 0 and 1; prototypes (C, D); background (N,) of 0 and 1: the background seeds, where true
    segments tell them and the points are the action seeds; else both are mined. -> {name: (B,)}, with the
    weighted sum as "total", and the updated prototypes (C, D). A video's contrastive loss sees the prototypes
    as the videos before it in the batch have left them.
    """
    action = points
    if background is None:
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
    losses = {
        **labelled(scores, points, background, packing=packing, settings=settings),
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
    losses["total"] = weighted(losses, settings.loss_weights)
    return losses, history[-1]


def by_videos(
    scores: SnippetScores, present: torch.Tensor, *, packing: Packing, top: int
) -> dict[str, torch.Tensor]:
    """The losses where each video's classes alone are known: {name: (B,)}, their sum as "total".

    present (B, C) of 0 and 1; top: settings.video_top. As in BaS-Net, background is a class that every video
    shows, and what suppression takes away: "plain" and "background" are of the video scores by S and B,
    "suppressed" of those by S (1 - B) (eq. 37).
    """
    background = scores.background.unsqueeze(1)
    plain = torch.cat([scores.classes, background], dim=1)
    every = video_scores(torch.cat([plain, scores.fused[:, :-1]], dim=1), packing, top)
    shown, suppressed = every.split([plain.shape[1], present.shape[1]], dim=1)
    losses = {
        "plain": video(shown[:, :-1], present),
        "background": video(shown[:, -1:], torch.ones_like(shown[:, -1:])),
        "suppressed": video(suppressed, present),
    }
    losses["total"] = sum(losses.values())
    return losses
