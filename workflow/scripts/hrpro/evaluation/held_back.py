"""What held-back training videos say for and against stage 2 (docs/method.md, section 6.3)."""

from collections.abc import Sequence

import numpy as np

from ..config import Evaluation
from ..detection.segments import Segments
from . import mean_ap

MARGIN = 1.0  # points of mAP; two trainings that differ in their seed alone are further apart


def mean_aps(
    truth: dict[str, Segments], variants: Sequence[dict[str, Segments]], classes: list[str]
) -> list[float]:
    """The mAP of each variant of the detections on some videos: its mean over the tIoU thresholds, in %.

    truth: the videos' points, as segments without length, or their segments.
    """
    thresholds = Evaluation().tiou
    per_class = [mean_ap.evaluate(truth, one.items(), classes, thresholds) for one in variants]
    return [100 * float(np.mean(list(aps.values()))) for aps in per_class]


def largest(shares: Sequence[float], mean: Sequence[float]) -> float:
    """The largest share whose mAP is no more than MARGIN below the best."""
    return max(share for share, value in zip(shares, mean, strict=True) if value >= max(mean) - MARGIN)
