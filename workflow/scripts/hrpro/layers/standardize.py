"""Features as a network sees them: standardized and, in training, noisy (docs/method.md, section 2.1)."""

import numpy as np
import torch
from torch import nn


class Standardize(nn.Module):
    """Standardizes each of `width` channels, if `standardize`, and adds Gaussian noise in training.

    noise: its standard deviation, in the unit of the standardized features. The training split's mean and
    standard deviation are buffers, so that a model file holds them.
    """

    def __init__(self, width: int, *, standardize: bool, noise: float = 0.0):
        super().__init__()
        self.noise = noise
        self.standardize = standardize
        if standardize:
            self.register_buffer("mean", torch.zeros(width))
            self.register_buffer("deviation", torch.ones(width))

    def set_moments(self, mean: np.ndarray, deviation: np.ndarray) -> None:
        """Take the training split's mean and standard deviation of each channel, (width,) each."""
        self.mean.copy_(torch.from_numpy(mean))
        self.deviation.copy_(torch.from_numpy(deviation))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, width) -> (N, width)."""
        if self.standardize:
            features = (features - self.mean) / self.deviation
        if self.training and self.noise:
            features = torch.randn_like(features).mul_(self.noise).add_(features)
        return features
