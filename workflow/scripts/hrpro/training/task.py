"""What a stage's training is given, whatever its method (hrpro/methods.py)."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ..data.features import FeatureFile
from ..data.scores import ScoreFile
from ..detection.segments import Segments
from ..utils.settings import Strict
from .checkpoint import Checkpoint

# A test during training: a model -> its mAP on the test split, in %.
Test = Callable[[torch.nn.Module], float]


def labels_of(points: dict) -> dict[str, list[str]]:
    """The classes of each video of points.json: {video: classes, sorted}; no point's time is read."""
    return {video: sorted({point["label"] for point in each}) for video, each in points["videos"].items()}


class Stage1Task(NamedTuple):
    """A training of stage 1."""

    features: FeatureFile  # of the training split
    points: dict[str, list[dict]]  # {video: [{"seconds", "label"}]}
    classes: list[str]
    settings: Strict  # the method's Settings
    rng: np.random.Generator
    device: torch.device
    events: Path  # folder of TensorBoard events
    checkpoint: Checkpoint
    test: Test | None  # with it, the best tested model is kept
    cache_memory: float  # MB of features that are kept in memory


class Stage2Task(NamedTuple):
    """A training of stage 2."""

    features: FeatureFile  # of the training split
    scores: ScoreFile  # of the training split
    labels: dict[str, list[str]]  # {video: its classes, sorted}
    positive: dict[str, Segments]  # the training videos' proposals
    reliable: dict[str, Segments]
    negative: dict[str, Segments]
    settings: Strict  # the method's Settings
    rng: np.random.Generator
    device: torch.device
    events: Path  # folder of TensorBoard events
    checkpoint: Checkpoint
    test: Test | None  # with it, the best tested model is kept
    cache_memory: float  # MB of RoI vectors that are kept in memory
