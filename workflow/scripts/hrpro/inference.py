"""Trained models of any method at work: on a video, and on the videos of a split."""

from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import NamedTuple

import numpy as np
import torch

from . import config, methods, model_file
from .data.features import FeatureFile
from .data.hdf5 import ScoredReader
from .data.scores import ScoreFile, Scores
from .detection.fusion import Candidates, fuse
from .detection.segments import Segments
from .grid import Grid
from .model_file import ModelFile
from .proposals.generation import propose_test
from .utils.errors import InputError


class Stage1(NamedTuple):
    """A model of stage 1 and its method."""

    method: ModuleType
    model: torch.nn.Module

    def score(self, features: np.ndarray) -> Scores:
        """The scores of a video by its features (T, D)."""
        scores = self.method.score(self.model, features)
        require_finite("snippet scores", scores.classes, scores.background, scores.video)
        return scores

    def propose(self, features: FeatureFile, settings: config.Proposals) -> Iterator[tuple[str, Segments]]:
        """The proposals of each video of a file, as those of test videos."""
        scores = (self.score(features.read([video])[0]) for video in features.videos)
        return zip(features.videos, propose_test(scores, features.grid, settings), strict=True)


class Stage2(NamedTuple):
    """A model of stage 2 and its method."""

    method: ModuleType
    model: torch.nn.Module

    def candidates(
        self,
        features: np.ndarray,
        scores: Scores,
        *,
        proposals: Segments,
        grid: Grid,
        settings: config.Detection,
    ) -> Candidates:
        """The candidates of a video by its features (T, D), its stage-1 scores and its proposals."""
        candidates = self.method.detect(
            self.model, features, scores, proposals=proposals, grid=grid, settings=settings
        )
        segments, completeness = candidates
        figures = (segments.times, segments.scores, *([] if completeness is None else [completeness]))
        require_finite("times and scores of stage 2", *figures)
        return candidates

    def candidates_of_all(
        self,
        features: FeatureFile,
        scores: ScoreFile,
        proposals: Iterable[tuple[str, Segments]],
        settings: config.Detection,
    ) -> Iterator[tuple[str, Candidates]]:
        """The candidates of each video that has proposals, in turn.

        Raises InputError where a video is not among the features or scores, has scores of other snippets, or
        a proposal without a class.
        """
        known = set(features.videos) & set(scores.videos)
        for video, segments in proposals:
            if video not in known:
                raise InputError(
                    f"{video}: has proposals, but is not in {features.path} or not in {scores.path}; give "
                    "all three of one split"
                )
            of_video, scores_of_video = features.read([video])[0], scores.read(video)
            if len(of_video) != len(scores_of_video.background):
                raise InputError(
                    f"{scores.path}: {video}: scores of {len(scores_of_video.background)} snippets, of which "
                    f"{features.path} has {len(of_video)}; score these features"
                )
            if (segments.labels < 0).any():
                raise InputError(f"{video}: a proposal without a class; make the proposals again")
            candidates = self.candidates(
                of_video,
                scores_of_video,
                proposals=segments,
                grid=features.grid,
                settings=settings,
            )
            yield video, candidates

    def detect_all(
        self,
        features: FeatureFile,
        scores: ScoreFile,
        proposals: Iterable[tuple[str, Segments]],
        settings: config.Detection,
    ) -> Iterator[tuple[str, Segments]]:
        """The same, scored by stages 1 and 2."""
        for video, candidates in self.candidates_of_all(features, scores, proposals, settings):
            yield video, fuse(candidates, settings)


class Stage3(NamedTuple):
    """A model of stage 3 and its method."""

    method: ModuleType
    model: torch.nn.Module

    def detect(
        self, features: np.ndarray, *, candidates: Candidates, grid: Grid, settings: config.Detection
    ) -> Segments:
        """Stage 2's candidates of a video, scored by its features (T, D) once more."""
        support = self.method.support(self.model, features, candidates=candidates.segments, grid=grid)
        require_finite("scores of stage 3", support)
        return fuse(candidates, settings, support)

    def detect_all(
        self,
        features: FeatureFile,
        candidates: Iterable[tuple[str, Candidates]],
        settings: config.Detection,
    ) -> Iterator[tuple[str, Segments]]:
        """The same of each video that has candidates, in turn. Raises InputError where it has no features."""
        known = set(features.videos)
        for video, of_video in candidates:
            if video not in known:
                raise InputError(
                    f"{video}: has candidates, but is not in {features.path}; give both of one split"
                )
            detections = self.detect(
                features.read([video])[0], candidates=of_video, grid=features.grid, settings=settings
            )
            yield video, detections


def of_file(path, stage: str, device: torch.device) -> tuple[ModelFile, Stage1 | Stage2 | Stage3]:
    """What a model file of a stage, as "stage1", holds, and the model, ready for use.

    torch's random numbers are afterwards as before: a seed fixes a training whatever it has loaded.
    Raises InputError as `model_file.load` does, and where the weights are of another network.
    """
    file = model_file.load(path, stage)
    try:
        with torch.random.fork_rng(devices=[]):  # a network's first weights are drawn, on the CPU
            return file, {"stage1": stage1, "stage2": stage2, "stage3": stage3}[stage](file, device)
    except model_file.DAMAGED as error:
        raise model_file.not_a_model(path, error) from None


def fitting(
    path,
    stage: str,
    device: torch.device,
    *,
    features: FeatureFile,
    scores: ScoredReader | None = None,
) -> tuple[ModelFile, Stage1 | Stage2 | Stage3]:
    """The same of a model that is to work on these files; scores: what else is read.

    Raises InputError also where the model is of other channels or snippets, or of other classes.
    """
    file, model = of_file(path, stage, device)
    if (file.width, file.grid) != (features.width, features.grid):
        raise InputError(
            f"{path}: trained on other channels or snippets than {features.path} has; give files of one run"
        )
    if scores and (file.classes, file.grid) != (scores.classes, scores.grid):
        raise InputError(
            f"{path}: trained on other classes or snippets than {scores.path} has; give files of one run"
        )
    return file, model


def stage1(file: ModelFile, device: torch.device) -> Stage1:
    """A trained model of stage 1, ready for use."""
    method = methods.load("stage1", file.settings.method)
    return Stage1(method, method.load(file, device))


def stage2(file: ModelFile, device: torch.device) -> Stage2:
    """A trained model of stage 2, ready for use."""
    method = methods.load("stage2", file.settings.method)
    return Stage2(method, method.load(file, device))


def stage3(file: ModelFile, device: torch.device) -> Stage3:
    """A trained model of stage 3, ready for use."""
    method = methods.load("stage3", file.settings.method)
    return Stage3(method, method.load(file, device))


def require_finite(name: str, *arrays: np.ndarray) -> None:
    """Raise InputError where a model's outputs are not finite."""
    if not all(np.isfinite(array).all() for array in arrays):
        raise InputError(
            f"the {name} are NaN or infinite; train the model again with a lower "
            "learning_rate, or see whether these features are scaled as those of its training"
        )
