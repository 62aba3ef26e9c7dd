"""LACP as a method of stage 1 (hrpro/methods.py)."""

import numpy as np
import torch

from ..data.scores import Scores
from ..layers.scores import score_video
from ..model_file import ModelFile
from .model import LacpModel
from .training import train

__all__ = ["load", "score", "train"]


def load(file: ModelFile, device: torch.device) -> LacpModel:
    """A trained model, ready for use."""
    model = LacpModel(len(file.classes), file.width, file.settings)
    model.load_state_dict(file.weights)
    return model.to(device).eval()


def score(model: LacpModel, features: np.ndarray) -> Scores:
    """The scores of a video by its features (T, D)."""
    return Scores(*score_video(model, features, model.settings.video_top))
