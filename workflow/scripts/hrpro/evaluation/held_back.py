"""What held-back training videos say for and against the further stages (docs/method.md, section 6.3)."""

import numpy as np

from ..config import Evaluation
from ..detection.segments import Segments
from . import mean_ap

SURE = 2.0  # standard errors by which stage 1 has to lead for stage 2 to be left out
MARGIN = 2.0  # points of mAP by which stage 3 has to lead stage 2; two trainings differ by 1.5
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
    """The standard error of stage 1's lead over stage 2, in points of mAP.

    By leaving out each video with an instance in turn, or each of GROUPS groups of them (jackknife). None
    where stage 1 does not lead, or where one such video is all. mean: of `mean_aps`.
    """
    videos = [video for video, instances in truth.items() if len(instances)]
    if mean["stage1"] <= mean["stage2"] or len(videos) < 2:
        return None
    leads = []
    groups = [set(videos[first::GROUPS]) for first in range(min(GROUPS, len(videos)))]
    for left_out in groups:
        rest = {video: instances for video, instances in truth.items() if video not in left_out}
        pair = {
            stage: {video: stages[stage][video] for video in rest if video in stages[stage]}
            for stage in ("stage1", "stage2")
        }
        means = mean_aps(rest, pair, classes)
        leads.append(means["stage1"] - means["stage2"])
    return float(np.sqrt((len(groups) - 1) * np.var(leads)))


def last_that_counts(mean: dict[str, float], error: float | None) -> str:
    """The last stage that counts, by the mAP after each and the `error_of_lead`.

    Stage 2 counts unless stage 1 leads it by more than SURE standard errors, and stage 3 where it leads stage
    2 by more than MARGIN: points cannot see what refined segments bring, but do see what ranks them.
    """
    if error is not None and mean["stage1"] - mean["stage2"] > SURE * error:
        return "stage1"
    return "stage3" if mean.get("stage3", 0) > mean["stage2"] + MARGIN else "stage2"
