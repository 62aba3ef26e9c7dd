"""What a trained snippet network says of videos."""

import numpy as np
import torch

from .. import config, training
from ..detections import Segments
from ..features import FeatureFile
from ..packing import Packing
from ..proposals import chosen_classes, propose
from .model import SnippetModel, video_scores


@torch.no_grad()
def snippet_scores(model: SnippetModel, features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (T, D) of a video -> S (T, C), B (T,) and the video score (C,)."""
    device = training.device_of(model)
    packing = Packing([len(features)], device)
    scores = model(torch.from_numpy(features).to(device), packing)
    video = video_scores(scores.classes, packing, model.settings.video_top)[0]
    return scores.classes.cpu().numpy(), scores.background.cpu().numpy(), video.cpu().numpy()


def test_proposals(model: SnippetModel, file: FeatureFile, settings: config.Proposals) -> dict[str, Segments]:
    """The proposals of the test videos, unsuppressed, in seconds."""
    found = {}
    for video in file.videos["test"]:
        features, _ = file.read("test", [video])
        classes, background, score = snippet_scores(model, features)
        chosen = chosen_classes(score, settings.class_score)
        found[video] = propose(classes, background, chosen, file.grid, settings)
    return found
