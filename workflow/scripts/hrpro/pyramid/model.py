"""The pyramid: features -> classes and ends at every cell of every level (docs/method.md, section 16.3)."""

import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from ..layers.convolution import Convolution
from ..layers.dropout import Dropout
from ..layers.packing import Packing
from ..layers.standardize import Standardize
from .layout import Cells, Layout
from .settings import Settings

RARE = 0.01  # the probability of every class at the start


class Outputs(NamedTuple):
    """What the network says of N cells, level by level."""

    logits: torch.Tensor  # (N, C)
    offsets: torch.Tensor  # (N, 2), from the cell's centre to start and end, in cells of the first level


class Block(nn.Module):
    """A convolution over time, LayerNorm and ReLU."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.convolution = Convolution(inputs, outputs)
        self.norm = nn.LayerNorm(outputs)

    def forward(self, x: torch.Tensor, packing: Packing) -> torch.Tensor:
        """(N, inputs) -> (N, outputs)."""
        return F.relu(self.norm(self.convolution(x, packing)))


class PyramidModel(nn.Module):
    """Two blocks at the first level, one at each further one, and two heads that all levels share.

    classes: how many, C; width: channels of the features.
    """

    def __init__(self, classes: int, width: int, settings: Settings, layout: Layout):
        super().__init__()
        self.settings, self.layout = settings, layout
        self.register_buffer("scale", torch.tensor(layout.scale))
        self.inputs = Standardize(width, standardize=settings.standardize, noise=settings.noise)
        d = settings.width
        self.project = nn.Sequential(Dropout(settings.input_dropout), nn.Linear(width, d))
        self.stem = nn.ModuleList([Block(d, d), Block(d, d)])
        self.down = nn.ModuleList(Block(d, d) for _ in range(layout.levels - 1))
        self.class_block, self.end_block = Block(d, d), Block(d, d)
        self.dropout = Dropout(settings.dropout)
        self.classes, self.ends = nn.Linear(d, classes), nn.Linear(d, 2)
        nn.init.constant_(self.classes.bias, -math.log((1 - RARE) / RARE))

    def forward(self, features: torch.Tensor, cells: Cells) -> Outputs:
        """Packed features (N, width) -> Outputs of all cells, level by level."""
        x = cells.spread(self.project(self.inputs(features)))
        logits, offsets = [], []
        for level, (packing, inside) in enumerate(zip(cells.packings, cells.inside, strict=True)):
            if level:
                x = x.unflatten(0, (-1, 2)).amax(1)
            for block in [self.down[level - 1]] if level else self.stem:
                x = block(x, packing) * inside
            logits.append(self.classes(self.dropout(self.class_block(x, packing))))
            ends = self.ends(self.dropout(self.end_block(x, packing)))
            offsets.append(F.softplus(ends.to(features.dtype)) * 2 ** (level + 1))
        return Outputs(torch.cat(logits).to(features.dtype), torch.cat(offsets))
