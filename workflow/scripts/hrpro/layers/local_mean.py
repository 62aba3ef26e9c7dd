"""Means over neighbouring snippets."""

import numpy as np
import torch

from ..utils.devices import send
from .packing import Packing


def local_mean(x: torch.Tensor, packing: Packing, reach: int) -> torch.Tensor:
    """The mean over each snippet and `reach` on each side, those of its video: (N, D) -> (N, D)."""
    gaps = reach * np.repeat(np.arange(len(packing)), packing.lengths)
    rows = send(np.arange(len(x)) + gaps, packing.device)  # `reach` zeros between videos, and at both ends
    apart = x.new_zeros(len(x) + reach * (len(packing) + 1), x.shape[1]).index_copy(0, rows + reach, x)
    sums = apart.unfold(0, 2 * reach + 1, 1).sum(-1)
    count = np.concatenate([neighbours(length, reach) for length in packing.lengths])
    # no row is taken twice, so that no gradient is a sum in an order of its own
    return sums.index_select(0, rows) / send(count.astype(np.float32)[:, None], packing.device)


def neighbours(length: int, reach: int) -> np.ndarray:
    """How many of a video's snippets each mean is over, itself among them: (length,)."""
    before = np.minimum(np.arange(length), reach)
    return before + 1 + before[::-1]
