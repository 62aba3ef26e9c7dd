"""The projection of wide features to few channels."""

import torch
from torch import nn


class Projection(nn.Linear):
    """A linear map W x + b whose inputs get Gaussian noise of a standard deviation `noise` in training.

    W (x + noise * e) is W x and a normal vector with covariance noise^2 W W^T. That vector is drawn, not e: a
    number for each output instead of one for each of the many inputs (docs/method.md, section 2.1).
    """

    def __init__(self, inputs: int, outputs: int, *, noise: float):
        super().__init__(inputs, outputs)
        self.noise = noise

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inputs) -> (N, outputs)."""
        y = super().forward(x)
        if not self.training or not self.noise:
            return y
        # in double precision, which autocast leaves alone and in which nearly dependent rows have a factor
        weight = self.weight.double()
        factor = torch.linalg.cholesky_ex(weight @ weight.T).L.to(y.dtype)
        return y + self.noise * torch.randn_like(y) @ factor.T
