"""A training of any stage in this process, where steps are watched or weights compared."""

import contextlib
from pathlib import Path
from typing import NamedTuple

import torch

from hrpro import methods
from hrpro.config import Detection
from hrpro.data.features import FeatureFile
from hrpro.data.scores import ScoreFile
from hrpro.detection import results
from hrpro.detection.fusion import Candidates, fuse
from hrpro.detection.segments import Segments
from hrpro.inference import Stage2
from hrpro.training.checkpoint import Checkpoint
from hrpro.training.task import Stage1Task, Stage2Task, Stage3Task, labels_of
from hrpro.utils import files, process


class Inputs(NamedTuple):
    """The files of a training split that trainings read."""

    features: Path
    points: Path
    scores: Path  # of stages 2 and 3
    proposals: dict[str, Path]  # by kind; likewise


def train(
    stage: str,
    settings,
    inputs: Inputs,
    *,
    candidates: dict[str, Segments] | None = None,
    same_action: float | None = None,
    threads: int,
    device: torch.device,
    events: Path,
    checkpoint: Checkpoint,
    cache_memory: float,
) -> torch.nn.Module:
    """A model trained with seed 0 and without tests; candidates, same_action: of stage 3."""
    points = files.read_json(inputs.points)
    timed = {"points": points["videos"], "classes": points["classes"]}
    method = methods.load(stage, settings.method)
    with contextlib.ExitStack() as stack:
        features = stack.enter_context(FeatureFile(inputs.features))
        common = {
            "features": features,
            "settings": settings,
            "rng": process.start(seed=0, threads=threads, width=features.width),
            "device": device,
            "events": events,
            "checkpoint": checkpoint,
            "cache_memory": cache_memory,
        }
        if stage == "stage1":
            return method.train(Stage1Task(test=None, **timed, **common))
        if stage == "stage3":
            task = Stage3Task(candidates=candidates, same_action=same_action, **timed, **common)
            return method.train(task)
        scores = stack.enter_context(ScoreFile(inputs.scores))
        kinds = {kind: results.read(path, scores.classes) for kind, path in inputs.proposals.items()}
        return method.train(Stage2Task(scores=scores, labels=labels_of(points), test=None, **kinds, **common))


def candidates(stage2: Stage2, inputs: Inputs, settings: Detection) -> dict[str, Candidates]:
    """A trained stage 2's candidates of the training videos."""
    with FeatureFile(inputs.features) as features, ScoreFile(inputs.scores) as scores:
        positive = results.read(inputs.proposals["positive"], scores.classes)
        return dict(stage2.candidates_of_all(features, scores, positive.items(), settings))


def fused(candidates: dict[str, Candidates], settings: Detection) -> dict[str, Segments]:
    """The same, scored by stages 1 and 2, as stage 3 learns from them."""
    return {video: fuse(of_video, settings) for video, of_video in candidates.items()}
