"""Dropout."""

import torch
from torch import nn

from ..utils.speed import FastDropout


class Dropout(nn.Dropout):
    """torch's dropout, on a CPU with a mask that is drawn faster."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """In training x with a share p set to 0 and the rest divided by 1 - p, else x."""
        if not self.training or not self.p or x.device.type != "cpu":
            return super().forward(x)
        return FastDropout.apply(x, self.p)
