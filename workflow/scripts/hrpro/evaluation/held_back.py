"""What held-back training videos say for and against the further stages (docs/method.md, section 6.3)."""

import numpy as np

from ..config import Evaluation
from ..detection.segments import Segments
from . import mean_ap

SURE = 2.0  # standard errors by which an earlier stage has to lead for the last one to be left out
GROUPS = 50  # of videos at most, that are left out in turn


def mean_aps(
    truth: dict[str, Segments], stages: dict[str, dict[str, Segments]], classes: list[str]
) -> dict[str, float]:
    """The mAP of each stage's detections on some videos: its mean over the tIoU thresholds, in %.

    truth: the videos' points, as segments without length, or their segments; stages: {stage: {video:
    detections}}.
    """
    thresholds, means = Evaluation().tiou, {}
    for stage, detections in stages.items():
        per_class = mean_ap.evaluate(truth, detections.items(), classes, thresholds)
        means[stage] = 100 * float(np.mean(list(per_class.values())))
    return means


def error_of_lead(
    truth: dict[str, Segments],
    stages: dict[str, dict[str, Segments]],
    mean: dict[str, float],
    classes: list[str],
) -> float | None:
    """The standard error of the best stage's lead over the last one, in points of mAP.

    By leaving out each video with an instance in turn, or each of GROUPS groups of them (jackknife). None
    where the last stage is the best, or where one such video is all. mean: of `mean_aps`.
    """
    best, last = max(mean, key=mean.get), list(mean)[-1]
    videos = [video for video, instances in truth.items() if len(instances)]
    if mean[best] == mean[last] or len(videos) < 2:
        return None
    leads = []
    groups = [set(videos[first::GROUPS]) for first in range(min(GROUPS, len(videos)))]
    for left_out in groups:
        rest = {video: instances for video, instances in truth.items() if video not in left_out}
        pair = {stage: {v: stages[stage][v] for v in rest if v in stages[stage]} for stage in (best, last)}
        means = mean_aps(rest, pair, classes)
        leads.append(means[best] - means[last])
    return float(np.sqrt((len(groups) - 1) * np.var(leads)))


def last_that_counts(mean: dict[str, float], error: float | None) -> str:
    """The last stage, or the best one where that leads it by more than SURE times the `error_of_lead`."""
    best, last = max(mean, key=mean.get), list(mean)[-1]
    return best if error is not None and mean[best] - mean[last] > SURE * error else last
