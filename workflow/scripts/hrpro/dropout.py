"""Dropout whose mask costs little on a CPU, where torch draws it a number at a time."""

import math

import torch
from torch import nn


class Dropout(nn.Dropout):
    """torch's own; on a CPU with another mask, drawn by `keep`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x, a share p of it 0 and the rest over 1 - p, in training; else x as it is."""
        if not self.training or not self.p or x.device.type != "cpu":
            return super().forward(x)
        return x * keep(x.shape, self.p, x.dtype).mul_(1 / (1 - self.p))


def keep(shape, dropout: float, dtype: torch.dtype, generator=None) -> torch.Tensor:
    """What of a tensor of some shape stays, on the CPU: 1 with probability 1 - dropout (to 2^-16), else 0."""
    count = math.prod(shape)
    words = torch.empty((count + 3) // 4, dtype=torch.int64)  # one draw serves four
    words.random_(-(2**63), None, generator=generator)
    draws = words.view(torch.int16)[:count].view(shape)
    return torch.ge(draws, int(dropout * 2**16) - 2**15, out=torch.empty(shape, dtype=dtype))
