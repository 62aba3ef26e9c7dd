"""What a stage's training is given, whatever its method (hrpro/methods.py)."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ..data.features import FeatureFile
from ..data.instances import classes_of
from ..data.scores import ScoreFile
from ..data.training_segments import TrainingSegments
from ..detection.segments import Segments
from ..utils.settings import Strict
from .checkpoint import Checkpoint

# A test during training: a model -> its mAP on the test split, in %.
Test = Callable[[torch.nn.Module], float]


def labels_of(points: dict) -> dict[str, list[str]]:
    """The classes of each video of a points.json or labels.json: {video: classes, sorted}."""
    return {video: classes_of(of_video) for video, of_video in points["videos"].items()}


class Stage1Task(NamedTuple):
    """A training of stage 1."""

    features: FeatureFile  # of the training split
    points: dict[str, list[dict]]  # {video: [{"seconds", "label"}]}; without "seconds" by videos
    classes: list[str]
    settings: Strict  # the method's Settings
    rng: np.random.Generator
    device: torch.device
    events: Path  # folder of TensorBoard events
    checkpoint: Checkpoint
    test: Test | None  # with it, the best tested model is kept
    cache_memory: float  # MB of features that are kept in memory
    segments: TrainingSegments | None = None  # the true ones; then `points` are them, without "seconds"


class Stage2Task(NamedTuple):
    """A training of stage 2."""

    features: FeatureFile  # of the training split
    scores: ScoreFile  # of the training split
    labels: dict[str, list[str]]  # {video: its classes, sorted}
    positive: dict[str, Segments]  # the training videos' proposals
    reliable: dict[str, Segments]  # none of a method that learns by videos
    negative: dict[str, Segments]  # likewise
    settings: Strict  # the method's Settings
    rng: np.random.Generator
    device: torch.device
    events: Path  # folder of TensorBoard events
    checkpoint: Checkpoint
    test: Test | None  # with it, the best tested model is kept
    cache_memory: float  # MB of RoI vectors that are kept in memory


class Stage3Task(NamedTuple):
    """A training of stage 3: on points and stage 2's candidates, or on true segments."""

    features: FeatureFile  # of the training split
    classes: list[str]
    settings: Strict  # the method's Settings
    rng: np.random.Generator
    device: torch.device
    events: Path  # folder of TensorBoard events
    checkpoint: Checkpoint
    cache_memory: float  # MB of features that are kept in memory
    points: dict[str, list[dict]] | None = None  # {video: [{"seconds", "label"}]}
    same_action: float = 0.0  # seconds up to which points mark one action (`instances.actions`)
    candidates: dict[str, Segments] | None = None  # stage 2's, of each training video
    segments: TrainingSegments | None = None  # the true ones
