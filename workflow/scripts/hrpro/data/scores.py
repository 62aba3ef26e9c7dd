"""Snippet scores of all videos in one HDF5 file: what stage 1 hands on.

The file: /train/<video> and /test/<video>, (T, C + 1) float32, the class scores S and the background
score B, with the video score (C,) as attribute; at the root the classes and the thresholds on B from
which a snippet is a background seed and up to which a point spreads.
"""

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from ..utils import files
from ..utils.errors import InputError
from ..utils.progress import track
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


def write(
    path, file: FeatureFile, classes: list[str], thresholds: dict, score: Callable[[np.ndarray], Scores]
) -> None:
    """Score the features (T, D) of every video of both splits.

    thresholds: {"background", "action"}, on B.
    """
    videos = [(split, video) for split, names in file.videos.items() for video in names]
    snippets = sum(file.length(split, video) for split, video in videos)
    files.require_space(path, 4 * snippets * (len(classes) + 1))
    with files.atomic(path) as temporary, h5py.File(temporary, "w") as output:
        output.attrs["classes"] = json.dumps(classes)
        output.attrs["thresholds"] = json.dumps(thresholds)
        for split in file.videos:  # one may have no video
            output.require_group(split)
        for split, video in track(videos, len(videos), "scores"):
            scores = score(file.read(split, [video])[0])
            columns = np.column_stack([scores.classes, scores.background]).astype(np.float32)
            data = output.create_dataset(f"{split}/{video}", data=columns)
            data.attrs["video"] = scores.video


class ScoreFile:
    """Reads a file of `write`; a context manager. thresholds: {"background", "action"}, on B."""

    def __init__(self, path):
        if not Path(path).is_file():
            raise InputError(f"{path}: no such file; make it with score_snippets.py")
        self.path = path
        with self.readable():
            self.file = h5py.File(path, "r")
            self.classes = json.loads(self.file.attrs["classes"])
            self.thresholds = json.loads(self.file.attrs["thresholds"])

    @contextlib.contextmanager
    def readable(self):
        """Turn what h5py raises on a damaged file, or on another program's, into an InputError."""
        try:
            yield
        except (AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"{self.path}: damaged, or no score file of hrpro ({reason}); remove it and run again"
            ) from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def videos(self, split: str) -> list[str]:
        """The names of a split's videos, sorted."""
        return sorted(self.file[split])

    def read(self, split: str, video: str) -> Scores:
        """The scores of a video."""
        with self.readable():
            data = self.file[split][video]
            columns = data[:]
            return Scores(columns[:, :-1], columns[:, -1], data.attrs["video"])
