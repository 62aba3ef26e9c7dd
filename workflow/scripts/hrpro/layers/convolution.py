"""The convolution over time."""

import torch
from torch import nn
from torch.nn import functional as F

from .packing import Packing


class Convolution(nn.Conv1d):
    """A convolution of width 3 over the snippets of each video, with zeros outside the video."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs, kernel_size=3, padding=1)

    def forward(self, x: torch.Tensor, packing: Packing) -> torch.Tensor:
        """(N, inputs) -> (N, outputs).

        The products with the three taps are shifted, not x: so no three copies of x are kept.
        """
        weight = self.weight.permute(2, 0, 1).flatten(0, 1)  # (3 outputs, inputs): taps before, at, after
        bias = F.pad(self.bias, (self.out_channels, self.out_channels))
        before, at, after = F.linear(x, weight, bias).chunk(3, dim=1)
        before = before.roll(1, 0).masked_fill(packing.is_first.unsqueeze(1), 0)
        return before + at + after.roll(-1, 0).masked_fill(packing.is_last.unsqueeze(1), 0)
