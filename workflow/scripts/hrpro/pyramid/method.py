"""The pyramid as a method of stage 3 (hrpro/methods.py)."""

import numpy as np
import torch

from ..detection.segments import Segments, segments, tiou
from ..grid import Grid
from ..model_file import ModelFile
from ..utils.errors import InputError
from .layout import Cells, Layout
from .model import PyramidModel
from .training import train

__all__ = ["load", "support", "train"]

DETECTED = 1e-3  # from which a class at a cell is a detection
MOST = 1000  # detections of a video, the best
POWER = 4  # of a tIoU, as the probability that a detection is of that very segment


def load(file: ModelFile, device: torch.device) -> PyramidModel:
    """A trained model, ready for use."""
    levels = 1 + len({name.split(".")[1] for name in file.weights if name.startswith("down.")})
    layout = Layout(int(file.weights["scale"]), levels)
    if layout.scale < 1:
        raise InputError(f"{layout.scale} cells per snippet")
    model = PyramidModel(len(file.classes), file.width, file.settings, layout)
    model.load_state_dict(file.weights)
    return model.to(device).eval()


def support(model: PyramidModel, features: np.ndarray, *, candidates: Segments, grid: Grid) -> np.ndarray:
    """How strongly what the pyramid finds supports stage 2's candidates: features (T, D) -> (N,)."""
    return support_by(find(model, features, grid), candidates)


@torch.no_grad()
def find(model: PyramidModel, features: np.ndarray, grid: Grid) -> Segments:
    """What the cells of a video find in it, the MOST best: features (T, D).

    Ends are kept inside the video (docs/method.md, section 16.6).
    """
    device = next(model.parameters()).device
    cells = Cells([len(features)], model.layout, device)
    outputs = model(torch.from_numpy(features).to(device), cells)
    probability = torch.sigmoid(outputs.logits) * torch.cat(cells.inside)
    cell, label = (probability >= DETECTED).nonzero().unbind(1)
    score = probability[cell, label]
    best = score.topk(min(MOST, len(score))).indices
    cell, label, score = cell[best], label[best], score[best]
    ends = cells.centres[cell].unsqueeze(1) + outputs.offsets[cell] * outputs.offsets.new_tensor([-1, 1])
    ends = (ends / model.layout.scale).clamp(0, len(features))
    times = np.maximum(grid.seconds(ends.cpu().double().numpy()), 0)
    detections = segments(times, label.cpu().numpy(), score.cpu().double().numpy())
    return detections.take(times[:, 1] > times[:, 0])


def support_by(detections: Segments, candidates: Segments) -> np.ndarray:
    """How strongly the detections of its class support each of N candidates: (N,) in [0, 1] (eq. 48)."""
    support = np.zeros(len(candidates))
    for label in np.unique(candidates.labels):
        rows, columns = candidates.labels == label, detections.labels == label
        overlap = tiou(candidates.times[rows], detections.times[columns])
        unseen = np.prod(1 - detections.scores[columns] * overlap**POWER, axis=1)
        support[rows] = np.sqrt(1 - unseen)
    return support
