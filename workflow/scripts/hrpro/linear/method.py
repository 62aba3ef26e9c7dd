"""The linear baseline as a method of stage 1 (hrpro/methods.py)."""

import numpy as np
import torch

from ..data.scores import Scores, smooth
from ..model_file import ModelFile
from ..utils.errors import InputError
from .model import WEIGHTS, LinearModel, to_scores
from .training import train

__all__ = ["load", "score", "train"]


def load(file: ModelFile, device: torch.device) -> LinearModel:
    """A trained model, ready for use; it computes on the CPU, whatever the device.

    Raises InputError where the weights are not those of a regression on features of the file's width.
    """
    labels = file.weights["labels"]
    rows = {1: 0, 2: 1}.get(len(labels), len(labels))
    shapes = {
        "mean": (file.width,),
        "deviation": (file.width,),
        "coefficients": (rows, file.width),
        "intercepts": (rows,),
        "labels": (len(labels),),
    }
    known = set(range(len(file.classes) + 1))
    fits = {name: tuple(file.weights[name].shape) for name in WEIGHTS} == shapes
    if not (fits and known.issuperset(labels.tolist())):
        raise InputError("its weights are of another regression")
    return LinearModel(len(file.classes), file.weights, file.settings).eval()


def score(model: LinearModel, features: np.ndarray) -> Scores:
    """The scores of a video by its features (T, D), smoothed over time."""
    return to_scores(smooth(model.probabilities(features), model.settings.smoothing))
