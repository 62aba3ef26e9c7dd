"""The reliable memory: one prototype per class, M of shape (C, D) (docs/method.md, section 2.2)."""

import torch

from ..layers.packing import Packing


def tokens(prototypes: torch.Tensor, order: str) -> torch.Tensor:
    """The C tokens that stand for the prototypes in the attention: (C, D) -> (C, D).

    `paper`: the prototypes themselves. `released`: the released program's scramble, which reads the
    (C, D) buffer as (D, C) (eq. 5, fault 1).
    """
    if order == "paper":
        return prototypes
    classes, width = prototypes.shape
    return prototypes.reshape(width, classes).T


def class_means(embedding: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean embedding of the snippets that carry each class.

    embedding (N, D), labels (N, C) of 0 and 1 -> means (C, D), zero for a class without a snippet,
    and the number of snippets of each class (C,).
    """
    count = labels.sum(0)
    return labels.T @ embedding / count.clamp(min=1).unsqueeze(1), count


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
    history = [prototypes]
    for embeddings, seeds in zip(packing.split(embedding), packing.split(action), strict=True):
        mean, count = class_means(embeddings, seeds)
        moved = momentum * history[-1] + (1 - momentum) * mean
        history.append(torch.where((count > 0).unsqueeze(1), moved, history[-1]))
    return torch.stack(history)
