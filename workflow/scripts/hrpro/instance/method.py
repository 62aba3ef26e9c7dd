"""HR-Pro's stage 2 as a method (hrpro/methods.py): the instance network refines proposals."""

import numpy as np
import torch

from ..config import Detection
from ..data.scores import Scores
from ..detection.fusion import Candidates
from ..detection.segments import Segments, join, segments
from ..grid import Grid
from ..model_file import ModelFile
from .model import InstanceModel, score
from .training import train

__all__ = ["detect", "load", "train"]


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
) -> Candidates:
    """Each proposal of a video twice, as it is and refined, with its score of stage 1 and its completeness.

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
    completeness, ends, refined_completeness = (part.cpu().double().numpy() for part in outputs)
    times = grid.seconds(ends)
    has_length = np.ones(len(proposals), dtype=bool)
    if settings.clip_refined:
        times = np.maximum(times, 0)
        has_length = times[:, 1] > times[:, 0]
    refined = segments(times, proposals.labels, proposals.scores).take(has_length)
    return Candidates(
        join([proposals, refined]), np.concatenate([completeness, refined_completeness[has_length]])
    )
