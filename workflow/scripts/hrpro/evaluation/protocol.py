"""Tests on the test split during training, as the released program makes them (fault 3)."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import nn

from .. import config
from ..data import annotations
from ..data.features import FeatureFile
from ..data.scores import ScoreFile
from ..detection import suppression
from ..detection.segments import Segments
from ..instance import scoring as instance
from ..snippet import scoring as snippet
from . import mean_ap


@dataclass(frozen=True)
class Protocol:
    """How a model is tested: the settings of what follows it, and the ground truth."""

    proposals: config.Proposals
    detection: config.Detection
    evaluation: config.Evaluation
    truth: dict[str, Segments]
    ambiguous: dict[str, np.ndarray]
    classes: list[str]

    def of_stage1(self, features: FeatureFile) -> Callable[[nn.Module], float]:
        """A stage-1 model -> the mAP of its proposals."""
        return lambda model: self.score(snippet.test_proposals(model, features, self.proposals))

    def of_stage2(
        self, features: FeatureFile, scores: ScoreFile, proposals: dict[str, Segments]
    ) -> Callable[[nn.Module], float]:
        """A stage-2 model -> the mAP of its candidates."""
        return lambda model: self.score(
            instance.candidates(model, features, scores, proposals, self.detection)
        )

    def score(self, candidates: dict[str, Segments]) -> float:
        """The average mAP over all thresholds, in %, of the candidates in videos that are not excluded."""
        scored = {video: segments for video, segments in candidates.items() if video in self.truth}
        detections = suppression.suppress(scored, self.detection, self.ambiguous)
        regions = self.ambiguous if self.evaluation.ignore_ambiguous else None
        tiou = self.evaluation.tiou
        per_class = mean_ap.evaluate(self.truth, detections, self.classes, tiou, regions)
        return next(iter(mean_ap.summary(per_class, tiou)["average"].values()))


def of_arguments(args, classes: list[str]) -> Protocol:
    """The Protocol of parsed arguments (training.add_arguments)."""
    values = json.loads(args.test)
    truth, ambiguous, _ = annotations.test_truth(args.test_annotations, "test", values["exclude"], classes)
    return Protocol(
        config.parse(config.Proposals, values["proposals"]),
        config.parse(config.Detection, values["detection"]),
        config.parse(config.Evaluation, values["evaluation"]),
        truth,
        ambiguous,
        classes,
    )
