"""How well the reliable proposals of the training videos lie on the true instances of the points."""

import numpy as np

from ..data.instances import holding
from ..detection.segments import Segments, segments, tiou
from . import ranking


def measure(
    truth: dict[str, Segments],
    points: dict[str, list[tuple[float, int]]],
    reliable: dict[str, Segments],
) -> dict:
    """The tIoU of each point's reliable proposal with the point's true instance, over all points.

    truth: the instances of the training videos; points: {video: [(seconds, class)]} in time order. A
    point's instance is that of `instances.holding`; a point without one is left out. Its reliable proposal
    is that of `ranking.reliable`; without one its tIoU is 0. -> the count of the points that are measured,
    and in % their mean tIoU, the share without a reliable proposal and the share with tIoU >= 0.5; None
    where no point is measured.
    """
    overlaps, without = [], 0
    for video, video_points in points.items():
        instances = truth.get(video, segments([]))
        proposals = reliable.get(video, segments([]))
        numbers = ranking.reliable(proposals, video_points, any_score=True)
        for (seconds, label), proposal in zip(video_points, numbers, strict=True):
            instance = holding(instances.times, instances.labels, seconds, label)
            if instance is None:
                continue
            if proposal is None:
                without += 1
                overlaps.append(0.0)
            else:
                overlap = tiou(instances.times[[instance]], proposals.times[[proposal]])
                overlaps.append(float(overlap[0, 0]))
    if not overlaps:
        return {"points": 0, "tiou": None, "without": None, "over_0.5": None}
    return {
        "points": len(overlaps),
        "tiou": 100 * float(np.mean(overlaps)),
        "without": 100 * without / len(overlaps),
        "over_0.5": 100 * sum(overlap >= 0.5 for overlap in overlaps) / len(overlaps),
    }
