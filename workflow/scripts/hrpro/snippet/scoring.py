"""What a trained snippet network says of videos."""

import numpy as np
import torch

from .. import config
from ..data.features import FeatureFile
from ..data.scores import Scores
from ..detection.segments import Segments
from ..layers.packing import Packing
from ..proposals.generation import propose_test
from ..training import common as training
from .model import SnippetModel, video_scores


@torch.no_grad()
def snippet_scores(model: SnippetModel, features: np.ndarray) -> Scores:
    """Features (T, D) of a video -> its scores."""
    device = training.device_of(model)
    packing = Packing([len(features)], device)
    scores = model(torch.from_numpy(features).to(device), packing)
    video = video_scores(scores.classes, packing, model.settings.video_top)[0]
    return Scores(*(part.cpu().numpy() for part in (scores.classes, scores.background, video)))


def test_proposals(model: SnippetModel, file: FeatureFile, settings: config.Proposals) -> dict[str, Segments]:
    """The proposals of the test videos, unsuppressed, in seconds."""
    videos = file.videos
    scores = (snippet_scores(model, file.read([video])[0]) for video in videos)
    return dict(zip(videos, propose_test(scores, file.grid, settings), strict=True))
