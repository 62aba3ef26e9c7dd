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


def errors_of_leads(
    truth: dict[str, Segments],
    stages: dict[str, dict[str, Segments]],
    mean: dict[str, float],
    classes: list[str],
) -> dict[str, float]:
    """The standard error, in points of mAP, of the lead over the last stage of each that has one.

    By leaving out each video with an instance in turn, or each of GROUPS groups of them (jackknife); none
    where one such video is all. mean: of `mean_aps`.
    """
    *_, last = mean
    ahead = [stage for stage in mean if mean[stage] > mean[last]]
    videos = [video for video, instances in truth.items() if len(instances)]
    if not ahead or len(videos) < 2:
        return {}
    leads = []
    groups = [set(videos[first::GROUPS]) for first in range(min(GROUPS, len(videos)))]
    for left_out in groups:
        rest = {video: instances for video, instances in truth.items() if video not in left_out}
        of_rest = {
            stage: {v: stages[stage][v] for v in rest if v in stages[stage]} for stage in [*ahead, last]
        }
        means = mean_aps(rest, of_rest, classes)
        leads.append([means[stage] - means[last] for stage in ahead])
    errors = np.sqrt((len(groups) - 1) * np.var(leads, axis=0))
    return dict(zip(ahead, errors.tolist(), strict=True))


def last_that_counts(mean: dict[str, float], errors: dict[str, float]) -> str:
    """The last stage, or the best of those that lead it by more than SURE times their error.

    errors: of `errors_of_leads`.
    """
    *_, last = mean
    sure = [stage for stage, error in errors.items() if mean[stage] - mean[last] > SURE * error]
    return max(sure, key=mean.get, default=last)
