"""What a trained instance network says of proposals."""

import numpy as np
import torch

from .. import config
from ..data.features import FeatureFile
from ..data.scores import ScoreFile, Scores
from ..detection.segments import Segments, join, segments
from ..grid import Grid
from ..training import common as training
from .model import InstanceModel, score

LEAST = 1e-3  # a stage-1 score under it counts as it, where scores are multiplied


def candidates(
    model: InstanceModel,
    file: FeatureFile,
    scores: ScoreFile,
    proposals: dict[str, Segments],
    settings: config.Detection,
) -> dict[str, Segments]:
    """The candidates of all videos, from their proposals."""
    return {
        video: candidates_of(model, file.read([video])[0], scores.read(video), given, file.grid, settings)
        for video, given in proposals.items()
    }


def candidates_of(
    model: InstanceModel,
    features: np.ndarray,
    scores: Scores,
    given: Segments,
    grid: Grid,
    settings: config.Detection,
) -> Segments:
    """Each proposal of a video twice: itself and refined, scored by both stages.

    features (T, D) float32; scores: stage 1's. With `clip_refined`, refined segments are kept inside the
    video and those without length dropped (fault 11).
    """
    device = training.device_of(model)
    completeness, refined, again = (
        part.cpu().double().numpy()
        for part in score(
            model,
            torch.from_numpy(features).to(device),
            torch.from_numpy(scores.fused).to(device),
            torch.from_numpy(grid.snippets(given.times)).float().to(device),
            torch.from_numpy(given.labels).to(device),
            settings.clip_refined,
        )
    )
    kept = np.ones(len(given), dtype=bool)
    times = grid.seconds(refined)
    if settings.clip_refined:
        times = np.maximum(times, 0)
        kept = times[:, 1] > times[:, 0]
    itself = segments(given.times, given.labels, fused(given.scores, completeness, settings))
    moved = segments(times, given.labels, fused(given.scores, again, settings))
    return join([itself, moved.take(kept)])


def fused(scores: np.ndarray, completeness: np.ndarray, settings: config.Detection) -> np.ndarray:
    """Stage-1 scores s and completeness c (M,) as one: s c^w or, as released, s + w c."""
    weight = settings.completeness_weight
    if settings.fusion == "sum":
        return scores + weight * completeness
    return np.maximum(scores, LEAST) * completeness**weight
