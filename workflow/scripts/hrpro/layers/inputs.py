"""Features as a network takes them: standardized and, in training, noisy."""

import torch
from torch import nn

from ..data.features import FeatureFile


class Inputs(nn.Module):
    """(N, D) features -> (N, D), by each channel's mean and deviation if `standardize`.

    noise: deviation of what is added in training, in the features' unit after standardization. The
    mean and deviation are buffers, so that a model's file keeps those of its training split.
    """

    def __init__(self, width: int, standardize: bool, noise: float = 0.0):
        super().__init__()
        self.noise = noise
        self.standardize = standardize
        if standardize:
            self.register_buffer("mean", torch.zeros(width))
            self.register_buffer("deviation", torch.ones(width))

    def fit(self, file: FeatureFile) -> None:
        """Take the mean and deviation of the training split, where they are wanted."""
        if self.standardize:
            mean, deviation = file.moments()
            self.mean.copy_(torch.from_numpy(mean))
            self.deviation.copy_(torch.from_numpy(deviation))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, D) -> (N, D)."""
        if self.standardize:
            features = (features - self.mean) / self.deviation
        if self.training and self.noise:
            features = features + self.noise * torch.randn_like(features)
        return features
