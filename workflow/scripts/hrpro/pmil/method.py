"""P-MIL as a method of stage 2 (hrpro/methods.py)."""

import numpy as np
import torch

from ..config import Detection
from ..data.scores import Scores
from ..detection.fusion import Candidates
from ..detection.segments import Segments, segments
from ..grid import Grid
from ..model_file import ModelFile
from .dataset import proposals_of
from .model import PmilModel
from .training import train

__all__ = ["detect", "load", "train"]


def load(file: ModelFile, device: torch.device) -> PmilModel:
    """A trained model, ready for use."""
    model = PmilModel(len(file.classes), file.width, file.settings)
    model.load_state_dict(file.weights)
    return model.to(device).eval()


@torch.no_grad()
def detect(
    model: PmilModel,
    features: np.ndarray,
    scores: Scores,
    *,
    proposals: Segments,
    grid: Grid,
    settings: Detection,
) -> Candidates:
    """Each segment of the proposals as a candidate of each class that the video seems to have (eq. 36).

    features (T, D) float32. Stage 1's scores, and the proposals' classes and scores, are not used.
    """
    device = next(model.parameters()).device
    given = proposals_of(proposals, model.settings.repeats)
    if not len(given):
        return Candidates(given, None)
    vectors = model.vectors(
        torch.from_numpy(features).to(device),
        torch.from_numpy(grid.snippets(given.times)).float().to(device),
    )
    outputs = model(vectors)
    classes, attention, completeness = (
        part.mean(0).cpu().double().numpy()
        for part in (outputs.classes.softmax(2), outputs.attention, outputs.completeness)
    )
    return Candidates(scored(given.times, classes[:, :-1], attention, completeness, model.settings), None)


def scored(times, classes, attention, completeness, settings) -> Segments:
    """The candidates of a video by its segments (M, 2) and what both branches say of them in the mean.

    classes (M, C), attention and completeness (M,).
    """
    video = (classes * attention[:, None]).sum(0) / (attention.sum() + 1e-6)
    chosen = np.flatnonzero(video >= settings.class_score)
    if not len(chosen):
        chosen = video.argmax(keepdims=True)
    score = classes * (attention * completeness)[:, None] + settings.video_share * video
    return segments(
        np.tile(times, (len(chosen), 1)), np.repeat(chosen, len(times)), score[:, chosen].T.ravel()
    )
