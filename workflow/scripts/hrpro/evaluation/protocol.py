"""Tests on the test split during training, as in the released program (docs/method.md, section 7.4)."""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from .. import config
from ..data import annotations
from ..data.features import FeatureFile
from ..data.scores import ScoreFile
from ..detection import suppression
from ..detection.segments import Segments
from ..inference import Stage1, Stage2
from ..training.task import Test
from ..utils import files
from . import mean_ap


@dataclass(frozen=True)
class Protocol:
    """How a model is tested: the settings of the steps that follow it, and the ground truth."""

    proposals: config.Proposals
    detection: config.Detection
    evaluation: config.Evaluation
    truth: dict[str, Segments]
    ambiguous: dict[str, np.ndarray]
    classes: list[str]

    def stage1_test(self, method: ModuleType, features: FeatureFile) -> Test:
        """The test of stage-1 models of a method: the mAP of their proposals."""
        return lambda model: self.evaluate(Stage1(method, model).propose(features, self.proposals))

    def stage2_test(
        self, method: ModuleType, features: FeatureFile, scores: ScoreFile, proposals: dict[str, Segments]
    ) -> Test:
        """The test of stage-2 models of a method: the mAP of their candidates."""
        return lambda model: self.evaluate(
            Stage2(method, model).detect_all(features, scores, proposals.items(), self.detection)
        )

    def evaluate(self, candidates: Iterable[tuple[str, Segments]]) -> float:
        """The average mAP over all thresholds, in %, of the candidates in videos that are not excluded."""
        scored = ((video, segments) for video, segments in candidates if video in self.truth)
        detections = suppression.suppress(scored, self.detection, self.ambiguous)
        regions = self.ambiguous if self.evaluation.ignore_ambiguous else None
        tiou = self.evaluation.tiou
        per_class = mean_ap.evaluate(self.truth, detections, self.classes, tiou, regions)
        return next(iter(mean_ap.summary(per_class, tiou)["average"].values()))


def from_arguments(args: argparse.Namespace, classes: list[str]) -> Protocol:
    """The Protocol of parsed arguments (training.arguments)."""
    settings = files.parse_json(args.test, "--test")
    truth, ambiguous, _ = annotations.test_truth(args.test_annotations, "test", settings["exclude"], classes)
    return Protocol(
        proposals=config.parse(config.Proposals, settings["proposals"]),
        detection=config.parse(config.Detection, settings["detection"]),
        evaluation=config.parse(config.Evaluation, settings["evaluation"]),
        truth=truth,
        ambiguous=ambiguous,
        classes=classes,
    )
