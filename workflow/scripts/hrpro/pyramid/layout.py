"""The pyramid's cells: how fine they are, how many levels there are, and where each lies.

docs/method.md, section 16.2.
"""

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from ..layers.packing import Packing
from ..utils.devices import send

HALF = 4  # cells: level l finds actions whose half is up to HALF 2^l cells long
LONG = 0.95  # the quantile of the lengths that the last level is for


class Layout(NamedTuple):
    """Cells of a pyramid: so many per snippet at the first level, half as many at each further one."""

    scale: int
    levels: int


def layout_of(lengths: np.ndarray, cells: int, most: int) -> Layout:
    """The layout for segments of some lengths (N,), in snippets (eq. 44).

    cells: of the median segment, at least; most: levels.
    """
    scale = max(1, math.ceil(cells / np.median(lengths)))
    half = np.quantile(lengths, LONG) * scale / 2
    return Layout(scale, int(np.clip(1 + math.ceil(math.log2(max(half / HALF, 1))), 1, most)))


class Cells:
    """The cells of some packed videos at every level.

    lengths: the snippets of each video. A video's cells are as many as a cell of the last level divides, so
    that those of the next level are pairs of neighbours and none is of two videos.
    """

    def __init__(self, lengths: list[int], layout: Layout, device="cpu"):
        self.snippets, self.layout, self.device = lengths, layout, device
        whole = 2 ** (layout.levels - 1)
        self.lengths = [math.ceil(length * layout.scale / whole) * whole for length in lengths]
        self.packings = [
            Packing([length // 2**level for length in self.lengths], device) for level in range(layout.levels)
        ]

    @cached_property
    def inside(self) -> list[torch.Tensor]:
        """Of each level (N_l, 1), of 0 and 1: the cell begins inside its video."""
        whole = [
            np.arange(cells) < length * self.layout.scale
            for cells, length in zip(self.lengths, self.snippets, strict=True)
        ]
        inside = np.concatenate(whole).astype(np.float32)[:, None]
        return [send(inside[:: 2**level].copy(), self.device) for level in range(self.layout.levels)]

    @cached_property
    def sources(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The snippets before and after each cell's centre (N_0,) and the weight of the latter (N_0, 1)."""
        before, after, weight = [], [], []
        first = 0
        for cells, length in zip(self.lengths, self.snippets, strict=True):
            place = np.clip((np.arange(cells) + 0.5) / self.layout.scale - 0.5, 0, length - 1)
            left = np.floor(place).astype(np.int64)
            before.append(first + left)
            after.append(first + np.minimum(left + 1, length - 1))
            weight.append((place - left).astype(np.float32))
            first += length
        before, after, weight = (send(np.concatenate(part), self.device) for part in (before, after, weight))
        return before, after, weight.unsqueeze(1)

    @cached_property
    def centres(self) -> torch.Tensor:
        """(N,) of every cell, level by level: from its video's start, in cells of the first level."""
        parts = [
            (np.arange(cells // 2**level) + 0.5) * 2**level
            for level in range(self.layout.levels)
            for cells in self.lengths
        ]
        return send(np.concatenate(parts).astype(np.float32), self.device)

    def spread(self, x: torch.Tensor) -> torch.Tensor:
        """What is said of snippets, (N, D), interpolated for the first level's cells: (N_0, D)."""
        before, after, weight = self.sources
        if self.layout.scale > 1:
            weight = weight.to(x.dtype)  # x is bfloat16 under autocast
            return torch.lerp(x.index_select(0, before), x.index_select(0, after), weight) * self.inside[0]
        return x.index_select(0, before) * self.inside[0]
