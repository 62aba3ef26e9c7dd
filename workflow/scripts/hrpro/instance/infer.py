"""What a trained instance network says of proposals."""

import numpy as np
import torch

from .. import training
from ..detections import Segments, join, segments
from ..features import FeatureFile
from .model import InstanceModel, score


def candidates(
    model: InstanceModel, file: FeatureFile, proposals: dict[str, Segments], clip: bool
) -> dict[str, Segments]:
    """Each proposal of a test video twice: itself and refined, scored by completeness + stage-1 score.

    clip: keep refined segments inside the video and drop those without length (fault 11).
    """
    device = training.device_of(model)
    found = {}
    for video, given in proposals.items():
        features = torch.from_numpy(file.read("test", [video])[0]).to(device)
        at = torch.from_numpy(file.grid.snippets(given.times)).float().to(device)
        completeness, refined, again = (
            part.cpu().double().numpy() for part in score(model, features, at, clip)
        )
        kept = refined[:, 1] > refined[:, 0] if clip else np.ones(len(given), dtype=bool)
        itself = segments(given.times, given.labels, completeness + given.scores)
        moved = segments(file.grid.seconds(refined), given.labels, again + given.scores)
        found[video] = join([itself, moved.take(kept)])
    return found
