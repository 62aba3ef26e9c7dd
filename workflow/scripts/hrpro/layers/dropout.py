"""Dropout whose mask costs little on a CPU, where torch draws it a number at a time."""

import math

import torch
from torch import nn


class Dropout(nn.Dropout):
    """torch's own; on a CPU by `Dropped`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x, a share p of it 0 and the rest over 1 - p, in training; else x as it is."""
        if not self.training or not self.p or x.device.type != "cpu":
            return super().forward(x)
        return Dropped.apply(x, self.p)


class Dropped(torch.autograd.Function):
    """Dropout whose backward pass draws the mask once more, so that none is kept."""

    @staticmethod
    def forward(ctx, x, dropout):
        """x, a share of it 0 and the rest over 1 - dropout."""
        ctx.dropout, ctx.random = dropout, torch.get_rng_state()
        return keep(x.shape, dropout, x.dtype).mul_(1 / (1 - dropout)).mul_(x)

    @staticmethod
    def backward(ctx, gradient):
        """The gradient to x."""
        generator = torch.Generator().set_state(ctx.random)
        mask = keep(gradient.shape, ctx.dropout, gradient.dtype, generator)
        return mask.mul_(1 / (1 - ctx.dropout)).mul_(gradient), None


def keep(shape, dropout: float, dtype: torch.dtype, generator=None) -> torch.Tensor:
    """What of a tensor of some shape stays, on the CPU: 1 with probability 1 - dropout (to 2^-16), else 0."""
    count = math.prod(shape)
    words = torch.empty((count + 3) // 4, dtype=torch.int64)  # one draw serves four
    words.random_(-(2**63), None, generator=generator)
    draws = words.view(torch.int16)[:count].view(shape)
    return torch.ge(draws, int(dropout * 2**16) - 2**15, out=torch.empty(shape, dtype=dtype))
