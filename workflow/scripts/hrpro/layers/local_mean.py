"""Means over neighbouring snippets."""

import numpy as np
import torch

from ..utils.devices import send
from .packing import Packing


def local_mean(x: torch.Tensor, packing: Packing, reach: int) -> torch.Tensor:
    """The mean over each snippet and `reach` on each side, those of its video: (N, D) -> (N, D)."""
    before = np.concatenate([np.arange(length) for length in packing.lengths])  # snippets of its video
    after = np.concatenate([np.arange(length)[::-1] for length in packing.lengths])
    total = x
    for step in range(1, reach + 1):  # shifts, not an index: their gradients are sums in a fixed order
        for shift, room in ((step, before), (-step, after)):
            inside = send((room >= step).astype(np.float32)[:, None], packing.device)
            total = total + x.roll(shift, 0) * inside
    count = 1 + np.minimum(before, reach) + np.minimum(after, reach)
    return total / send(count.astype(np.float32)[:, None], packing.device)
