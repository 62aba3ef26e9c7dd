"""HR-Pro's stage 2 as a method (hrpro/methods.py): the instance network refines proposals."""

import numpy as np
import torch

from ..config import Detection
from ..data.scores import Scores
from ..detection.segments import Segments, join, segments
from ..grid import Grid
from ..model_file import ModelFile
from .model import InstanceModel, score
from .training import train

__all__ = ["detect", "load", "train"]

LEAST_SCORE = 1e-3  # a stage-1 score below it counts as it, where scores are multiplied


def load(file: ModelFile, device: torch.device) -> InstanceModel:
    """A trained model, ready for use."""
    model = InstanceModel(len(file.classes), file.width, file.settings)
    model.load_state_dict(file.weights)
    return model.to(device).eval()


def detect(
    model: InstanceModel,
    features: np.ndarray,
    scores: Scores,
    *,
    proposals: Segments,
    grid: Grid,
    settings: Detection,
) -> Segments:
    """Each proposal of a video twice, as it is and refined, scored by both stages.

    features (T, D) float32. With `clip_refined`, refined segments are kept inside the video and those
    without length are dropped (docs/method.md, section 5.6).
    """
    device = next(model.parameters()).device
    outputs = score(
        model,
        torch.from_numpy(features).to(device),
        torch.from_numpy(scores.fused).to(device),
        proposals=torch.from_numpy(grid.snippets(proposals.times)).float().to(device),
        labels=torch.from_numpy(proposals.labels).to(device),
        clip=settings.clip_refined,
    )
    completeness, refined, refined_completeness = (part.cpu().double().numpy() for part in outputs)
    times = grid.seconds(refined)
    has_length = np.ones(len(proposals), dtype=bool)
    if settings.clip_refined:
        times = np.maximum(times, 0)
        has_length = times[:, 1] > times[:, 0]
    original_scores = fuse(proposals.scores, completeness, settings)
    refined_scores = fuse(proposals.scores, refined_completeness, settings)
    original = segments(proposals.times, proposals.labels, original_scores)
    return join([original, segments(times, proposals.labels, refined_scores).take(has_length)])


def fuse(scores: np.ndarray, completeness: np.ndarray, settings: Detection) -> np.ndarray:
    """Stage-1 scores s and completeness c, (M,) each, as one: s c^w or, as released, s + w c (eq. 23)."""
    weight = settings.completeness_weight
    if settings.fusion == "sum":
        return scores + weight * completeness
    return np.maximum(scores, LEAST_SCORE) * completeness**weight
