"""The reliable memory: one prototype a class, M of shape (C, D)."""

import torch

from ..layers.packing import Packing


def tokens(prototypes: torch.Tensor, order: str) -> torch.Tensor:
    """The C tokens that stand for the prototypes in the attention: (C, D) -> (C, D).

    `paper`: the prototypes themselves. `released`: the released program's scramble, which reads the
    (C, D) buffer as (D, C) (method.md, fault 1).
    """
    if order == "paper":
        return prototypes
    classes, width = prototypes.shape
    return prototypes.reshape(width, classes).T


def class_means(embedding: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean embedding of the snippets that carry each class.

    embedding (N, D), labels (N, C) of 0 and 1 -> means (C, D), zero for a class without a snippet,
    and the snippets of each class (C,).
    """
    count = labels.sum(0)
    return labels.T @ embedding / count.clamp(min=1).unsqueeze(1), count


def updated(
    prototypes: torch.Tensor,
    embedding: torch.Tensor,
    action: torch.Tensor,
    packing: Packing,
    momentum: float,
) -> torch.Tensor:
    """The prototypes after every video of a batch, one after the other in their order (B + 1, C, D).

    M_c <- momentum * M_c + (1 - momentum) * mean(embedding over the action seeds of c), for the
    classes of each video. embedding (N, D), action seeds (N, C) of 0 and 1. Entry 0 is the input.
    """
    means, count = zip(*map(class_means, packing.split(embedding), packing.split(action)), strict=True)
    history = [prototypes]
    for mean, seen in zip(means, count, strict=True):
        moved = momentum * history[-1] + (1 - momentum) * mean
        history.append(torch.where((seen > 0).unsqueeze(1), moved, history[-1]))
    return torch.stack(history)
