"""The linear baseline as a method of stage 1 (hrpro/methods.py)."""

import numpy as np
import torch

from ..data.scores import Scores
from ..model_file import ModelFile
from .model import LinearModel, smooth, to_scores
from .training import train

__all__ = ["load", "score", "train"]


def load(file: ModelFile, device: torch.device) -> LinearModel:
    """A trained model, ready for use; it computes on the CPU, whatever the device."""
    return LinearModel(len(file.classes), file.weights, file.settings).eval()


def score(model: LinearModel, features: np.ndarray) -> Scores:
    """The scores of a video by its features (T, D), smoothed over time."""
    return to_scores(smooth(model.probabilities(features), model.settings.smoothing))
