"""What held-back training videos say for and against a further stage (docs/method.md, section 6.3)."""

from collections.abc import Sequence

import numpy as np

from ..config import Evaluation
from ..detection.segments import Segments
from . import mean_ap

MARGIN = 1.0  # points of mAP; two trainings that differ in their seed alone are further apart
SURE = 2.0  # standard errors by which stage 1 has to lead for stage 2 to be left out
GROUPS = 50  # of videos at most, that are left out in turn


def mean_aps(
    truth: dict[str, Segments], variants: Sequence[dict[str, Segments]], classes: list[str]
) -> list[float]:
    """The mAP of each variant of the detections on some videos: its mean over the tIoU thresholds, in %.

    truth: the videos' points, as segments without length, or their segments.
    """
    thresholds = Evaluation().tiou
    per_class = [mean_ap.evaluate(truth, one.items(), classes, thresholds) for one in variants]
    return [100 * float(np.mean(list(aps.values()))) for aps in per_class]


def error_of_lead(
    truth: dict[str, Segments],
    variants: Sequence[dict[str, Segments]],
    mean: Sequence[float],
    classes: list[str],
) -> float | None:
    """The standard error of the first variant's lead over the best other one, in points of mAP.

    By leaving out each video with an instance in turn, or each of GROUPS groups of them (jackknife). None
    where the first does not lead, or where one such video is all. mean: of `mean_aps`.
    """
    best = 1 + int(np.argmax(mean[1:]))
    videos = [video for video, instances in truth.items() if len(instances)]
    if mean[0] <= mean[best] or len(videos) < 2:
        return None
    leads = []
    groups = [set(videos[first::GROUPS]) for first in range(min(GROUPS, len(videos)))]
    for left_out in groups:
        rest = {video: instances for video, instances in truth.items() if video not in left_out}
        pair = [{v: variants[i][v] for v in rest if v in variants[i]} for i in (0, best)]
        first, other = mean_aps(rest, pair, classes)
        leads.append(first - other)
    return float(np.sqrt((len(groups) - 1) * np.var(leads)))


def share_of_stage2(shares: Sequence[float], mean: Sequence[float], error: float | None) -> float:
    """How far stage 2 counts: the smallest share whose mAP is no more than MARGIN below the best one over 0.

    shares: 0, which stands for stage 1 alone, and others; 0 is taken where it leads by more than SURE times
    the `error_of_lead`. Where all others have the same mAP, as of a method without a weight to share, stage 2
    counts in full.
    """
    best = max(mean[1:])
    if error is not None and mean[0] - best > SURE * error:
        return 0.0
    if len(set(mean[1:])) == 1:
        return shares[-1]
    return min(share for share, value in zip(shares[1:], mean[1:], strict=True) if value >= best - MARGIN)


def counts(without: float, with_it: float) -> bool:
    """Whether stage 3 counts: where the mAP with it is more than MARGIN above the one without it."""
    return with_it > without + MARGIN
