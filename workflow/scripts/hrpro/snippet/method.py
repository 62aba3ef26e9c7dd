"""HR-Pro's stage 1 as a method (hrpro/methods.py): the snippet network scores snippets."""

import numpy as np
import torch

from ..data.scores import Scores
from ..layers.packing import Packing
from ..model_file import ModelFile
from .model import SnippetModel, video_scores
from .training import train

__all__ = ["load", "score", "train"]


def load(file: ModelFile, device: torch.device) -> SnippetModel:
    """A trained model, ready for use."""
    model = SnippetModel(len(file.classes), file.width, file.settings)
    model.load_state_dict(file.weights)
    return model.to(device).eval()


@torch.no_grad()
def score(model: SnippetModel, features: np.ndarray) -> Scores:
    """The scores of a video by its features (T, D)."""
    device = model.prototypes.device
    packing = Packing([len(features)], device)
    scores = model(torch.from_numpy(features).to(device), packing)
    [video] = video_scores(scores.classes, packing, model.settings.video_top)
    return Scores(*(part.cpu().numpy() for part in (scores.classes, scores.background, video)))
