"""The reliable memory: one prototype per class, M of shape (C, D) (docs/method.md, section 2.2)."""

import torch
from torch.nn import functional as F

from ..layers.packing import Packing, group_sum


def tokens(prototypes: torch.Tensor, order: str) -> torch.Tensor:
    """The C tokens that stand for the prototypes in the attention: (C, D) -> (C, D).

    `paper`: the prototypes themselves. `released`: the released program's scramble, which reads the
    (C, D) buffer as (D, C) (eq. 5, fault 1).
    """
    if order == "paper":
        return prototypes
    classes, width = prototypes.shape
    return prototypes.reshape(width, classes).T


def class_means(
    embedding: torch.Tensor, labels: torch.Tensor, packing: Packing
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean embedding of the snippets that carry each class, per video.

    embedding (N, D), labels (N, C) of 0 and 1 -> means (B, C, D), zero for a class without a snippet,
    and the number of snippets of each class (B, C).
    """
    count = group_sum(labels, packing.video, len(packing))
    return packing.sums(labels, embedding) / count.clamp(min=1).unsqueeze(2), count


def updated(
    prototypes: torch.Tensor,
    embedding: torch.Tensor,
    action: torch.Tensor,
    *,
    packing: Packing,
    momentum: float,
) -> torch.Tensor:
    """The prototypes before a batch and after each of its videos, in their order: (B + 1, C, D).

    M_c <- momentum * M_c + (1 - momentum) * mean(embedding over the action seeds of c), for the
    classes of each video (eq. 4). embedding (N, D), action seeds (N, C) of 0 and 1.
    """
    means, count = class_means(embedding, action, packing)
    has_seeds = (count > 0).to(means.dtype)  # (B, C)
    added = (1 - momentum) * means  # 0 without seeds
    if packing.fused:
        return moved_together(prototypes, added, has_seeds, momentum)
    kept = 1 - (1 - momentum) * has_seeds.unsqueeze(2)
    history = [prototypes]
    for share, addend in zip(kept, added, strict=True):
        history.append(share * history[-1] + addend)
    return torch.stack(history)


def moved_together(
    prototypes: torch.Tensor, added: torch.Tensor, has_seeds: torch.Tensor, momentum: float
) -> torch.Tensor:
    """`updated` for all videos in one product: what an addend weighs falls with each update after it.

    prototypes (C, D); added (B, C, D); has_seeds (B, C) of 0 and 1. -> (B + 1, C, D)
    """
    updates = F.pad(has_seeds, (0, 0, 1, 0)).cumsum(0).T  # (C, B + 1), up to each video
    later = updates.unsqueeze(2) - updates.unsqueeze(1)  # (C, B + 1, B + 1)
    weight = (momentum**later).tril()
    return (weight @ torch.cat([prototypes.unsqueeze(0), added]).transpose(0, 1)).transpose(0, 1)
