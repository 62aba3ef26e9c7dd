"""Snippet scores of a split's videos in one HDF5 file: what stage 1 hands on.

The file: /<video>, (T, C + 1) float32, the class scores S and the background score B, with the video
score (C,) as attribute; at the root the classes, the snippets' grid, and the thresholds on B from which a
snippet is a background seed and up to which a point spreads.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..utils import files
from ..utils.progress import track
from . import hdf5
from .features import FeatureFile


@dataclass(frozen=True)
class Scores:
    """What stage 1 says of the T snippets of a video, all in [0, 1]."""

    classes: np.ndarray  # S, (T, C)
    background: np.ndarray  # B, (T,)
    video: np.ndarray  # the video score, (C,)

    @property
    def fused(self) -> np.ndarray:
        """P = [S * (1 - B), B], (T, C + 1)."""
        background = self.background[:, None]
        return np.concatenate([self.classes * (1 - background), background], axis=1)


def smooth(values: np.ndarray, span: int) -> np.ndarray:
    """Means over a window of `span` rows around each row, cut at the ends: (T, K) -> (T, K)."""
    total = np.pad(np.cumsum(values, axis=0), ((1, 0), (0, 0)))
    row = np.arange(len(values))
    first = np.maximum(row - span // 2, 0)
    last = np.minimum(row - span // 2 + span, len(values))
    return (total[last] - total[first]) / (last - first)[:, None]


def write(
    path,
    features: FeatureFile,
    score: Callable[[np.ndarray], Scores],
    *,
    classes: list[str],
    thresholds: dict[str, float],
) -> None:
    """Score the features (T, D) of every video of a feature file.

    thresholds: {"background", "action"}, on B.
    """
    snippets = sum(features.length(video) for video in features.videos)
    files.require_space(path, 4 * snippets * (len(classes) + 1))
    with files.atomic(path) as temporary, hdf5.create(temporary) as output:
        hdf5.describe(output, classes, features.grid)
        output.attrs["thresholds"] = hdf5.text(json.dumps(thresholds))
        for video in track(features.videos, len(features.videos), "scores"):
            scores = score(features.read([video])[0])
            columns = np.column_stack([scores.classes, scores.background]).astype(np.float32)
            data = output.add(video, columns)
            data.attrs["video"] = scores.video


class ScoreFile(hdf5.ScoredReader):
    """Reads a file of `write`; a context manager.

    videos: names, sorted; grid: that of the snippets; thresholds: {"background", "action"}, on B.
    """

    MADE_BY = "score_snippets.py"
    UNREADABLE = "damaged, or not a score file of hrpro ({reason}); remove it and run again"

    def __init__(self, path):
        super().__init__(path)
        with self.readable():
            self.thresholds = json.loads(self.file.attrs["thresholds"])

    def read(self, video: str) -> Scores:
        """The scores of a video."""
        with self.readable():
            data = self.file[video]
            columns = data[:]
            return Scores(columns[:, :-1], columns[:, -1], data.attrs["video"])
