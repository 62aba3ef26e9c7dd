"""The logistic regression's weights, and the scores that they give (docs/method.md, section 8)."""

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from ..data.scores import Scores
from .settings import Settings

WEIGHTS = ("mean", "deviation", "coefficients", "intercepts", "labels")


class LinearModel(nn.Module):
    """A logistic regression on standardized features, with weights that nothing trains any more.

    classes: how many, C; weights: {mean, deviation: (D,); labels: (K,), the classes that there are samples
    of, C for background; coefficients: (K, D); intercepts: (K,)}, of two labels a row for the second alone,
    of a single label none.
    """

    def __init__(self, classes: int, weights: dict[str, torch.Tensor], settings: Settings):
        super().__init__()
        self.classes, self.settings = classes, settings
        for name in WEIGHTS:
            self.register_buffer(name, weights[name])

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Features (T, D) -> the probability of each class and of background, (T, C + 1)."""
        mean, deviation, coefficients, intercepts, labels = (
            self.get_buffer(name).cpu().numpy() for name in WEIGHTS
        )
        probability = np.zeros((len(features), self.classes + 1))
        if len(labels) == 1:
            probability[:, labels] = 1
            return probability
        standardized = (features - mean.astype(features.dtype)) / deviation.astype(features.dtype)
        with threadpool_limits(1):  # the last bits depend on the threads, which Snakemake sets by --cores
            logits = standardized @ coefficients.T + intercepts
        if len(labels) == 2:  # the one row is the second label's
            logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
        likelihood = np.exp(logits - logits.max(1, keepdims=True))
        probability[:, labels] = likelihood / likelihood.sum(1, keepdims=True)
        return probability


def to_scores(probability: np.ndarray) -> Scores:
    """Probabilities of the classes and the background (T, C + 1) -> scores (eq. 26)."""
    background = probability[:, -1]
    class_scores = probability[:, :-1] / np.maximum(1 - background, 1e-9)[:, None]
    video_scores = probability[:, :-1].max(0)
    # float32 as in a score file, so that a prediction has the same bits
    return Scores(class_scores.astype(np.float32), background.astype(np.float32), video_scores)
