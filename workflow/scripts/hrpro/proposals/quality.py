"""How well the reliable proposals of the training videos lie on the true instances of the points."""

import numpy as np

from ..detection.segments import Segments, segments, tiou
from . import ranking


def measure(
    truth: dict[str, Segments],
    points: dict[str, list[tuple[float, int]]],
    reliable: dict[str, Segments],
) -> dict:
    """The tIoU of each point's reliable proposal with the point's true instance, over all points.

    truth: the instances of the training videos; points: {video: [(seconds, class)]} in time order. A
    point's instance is the one of its class that holds it, of several the one whose centre is nearest;
    a point without one is left out. Its reliable proposal is chosen as `ranking.reliable` says; without
    one its tIoU is 0. -> the count of the points that are measured, and in % their mean tIoU, the share
    without a reliable proposal and the share with tIoU >= 0.5; None where no point is measured.
    """
    overlaps, without = [], 0
    for video, given in points.items():
        proposals = reliable.get(video, segments([]))
        chosen = ranking.reliable(proposals, given, any_score=True)
        for (seconds, label), number in zip(given, chosen, strict=True):
            instances = holding(truth.get(video), seconds, label)
            if not len(instances):
                continue
            if number is None:
                without += 1
                overlaps.append(0.0)
                continue
            instance = np.abs(instances.mean(1) - seconds).argmin()
            overlaps.append(float(tiou(instances[[instance]], proposals.times[[number]])[0, 0]))
    if not overlaps:
        return {"points": 0, "tiou": None, "without": None, "over_0.5": None}
    return {
        "points": len(overlaps),
        "tiou": 100 * float(np.mean(overlaps)),
        "without": 100 * without / len(overlaps),
        "over_0.5": 100 * sum(overlap >= 0.5 for overlap in overlaps) / len(overlaps),
    }


def holding(found: Segments | None, seconds: float, label: int) -> np.ndarray:
    """Start and end, in seconds, of a video's instances of a class that hold a time: (K, 2)."""
    if found is None:
        return np.zeros((0, 2))
    start, end = found.times.T
    return found.times[(found.labels == label) & (start <= seconds) & (seconds <= end)]
