"""What a trained instance network says of proposals."""

import numpy as np
import torch

from .. import config, training
from ..detections import Segments, join, segments
from ..features import FeatureFile
from ..scores import ScoreFile
from .model import InstanceModel, score

LEAST = 1e-3  # a stage-1 score under it counts as it, where scores are multiplied


def candidates(
    model: InstanceModel,
    file: FeatureFile,
    scores: ScoreFile,
    split: str,
    proposals: dict[str, Segments],
    settings: config.Detection,
) -> dict[str, Segments]:
    """Each proposal of a split's videos twice: itself and refined, scored by both stages.

    With `clip_refined`, refined segments are kept inside the video and those without length dropped
    (fault 11).
    """
    device = training.device_of(model)
    found = {}
    for video, given in proposals.items():
        features = torch.from_numpy(file.read(split, [video])[0]).to(device)
        snippet_scores = torch.from_numpy(scores.read(split, video).fused).to(device)
        at = torch.from_numpy(file.grid.snippets(given.times)).float().to(device)
        labels = torch.from_numpy(given.labels).to(device)
        completeness, refined, again = (
            part.cpu().double().numpy()
            for part in score(model, features, snippet_scores, at, labels, settings.clip_refined)
        )
        kept = np.ones(len(given), dtype=bool)
        times = file.grid.seconds(refined)
        if settings.clip_refined:
            times = np.maximum(times, 0)
            kept = times[:, 1] > times[:, 0]
        itself = segments(given.times, given.labels, fused(given.scores, completeness, settings))
        moved = segments(times, given.labels, fused(given.scores, again, settings))
        found[video] = join([itself, moved.take(kept)])
    return found


def fused(scores: np.ndarray, completeness: np.ndarray, settings: config.Detection) -> np.ndarray:
    """Stage-1 scores s and completeness c (M,) as one: s c^w or, as released, s + w c."""
    weight = settings.completeness_weight
    if settings.fusion == "sum":
        return scores + weight * completeness
    return np.maximum(scores, LEAST) * completeness**weight
