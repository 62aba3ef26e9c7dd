"""Tests on the test split during training, as the released program makes them (fault 3)."""

import argparse
import json
from dataclasses import dataclass

import numpy as np

from .. import config
from ..data import annotations
from ..detection import suppression
from ..detection.segments import Segments
from . import mean_ap as evaluation


@dataclass(frozen=True)
class Protocol:
    """How a model is tested: the settings of what follows it, and the truth."""

    proposals: config.Proposals
    detection: config.Detection
    evaluation: config.Evaluation
    truth: dict[str, Segments]
    ambiguous: dict[str, np.ndarray]
    classes: list[str]

    def score(self, candidates: dict[str, Segments]) -> float:
        """The average mAP over all thresholds, in %, of the candidates in videos that are not excluded."""
        scored = {video: given for video, given in candidates.items() if video in self.truth}
        found = suppression.suppress(scored, self.detection, self.ambiguous)
        regions = self.ambiguous if self.evaluation.ignore_ambiguous else None
        tiou = self.evaluation.tiou
        per_class = evaluation.evaluate(self.truth, found, self.classes, tiou, regions)
        return next(iter(evaluation.summary(per_class, tiou)["average"].values()))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What a script needs to make a Protocol."""
    parser.add_argument("--annotations", required=True)
    parser.add_argument("--exclude", default="", help="videos not evaluated, a,b")
    parser.add_argument("--test", required=True, help="JSON of settings.{proposals,detection,evaluation}")


def protocol(args, classes: list[str]) -> Protocol:
    """The Protocol of parsed arguments."""
    values = json.loads(args.test)
    exclude = args.exclude.split(",")
    truth, ambiguous, _ = annotations.test_truth(args.annotations, "test", exclude, classes)
    return Protocol(
        config.parse(config.Proposals, values["proposals"]),
        config.parse(config.Detection, values["detection"]),
        config.parse(config.Evaluation, values["evaluation"]),
        truth,
        ambiguous,
        classes,
    )
