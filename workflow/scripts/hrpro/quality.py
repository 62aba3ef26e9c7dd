"""How well the reliable proposals of the training videos lie on the true instances of the points."""

import numpy as np

from .detections import Segments, tiou


def measure(
    truth: dict[str, Segments],
    points: dict[str, list[tuple[float, int]]],
    reliable: dict[str, Segments],
) -> dict:
    """The tIoU of each point's reliable proposal with the point's true instance, over all points.

    truth: the instances of the training videos; points: {video: [(seconds, class)]}. A point's instance
    is the one of its class that holds it, of several the one whose centre is nearest; a point without
    one is left out. Its reliable proposal is the best-scoring of its class that holds it; without one
    its tIoU is 0. -> the count of the points that are measured, and in % their mean tIoU, the share
    without a reliable proposal and the share with tIoU >= 0.5; None where no point is measured.
    """
    overlaps, without = [], 0
    for video, given in points.items():
        for seconds, label in given:
            instances = holding(truth.get(video), seconds, label)
            proposals = holding(reliable.get(video), seconds, label)
            if not len(instances):
                continue
            if not len(proposals):
                without += 1
                overlaps.append(0.0)
                continue
            instance = np.abs(instances.mean(1) - seconds).argmin()
            overlaps.append(float(tiou(instances[[instance]], proposals[:1])[0, 0]))
    if not overlaps:
        return {"points": 0, "tiou": None, "without": None, "over_0.5": None}
    return {
        "points": len(overlaps),
        "tiou": 100 * float(np.mean(overlaps)),
        "without": 100 * without / len(overlaps),
        "over_0.5": 100 * sum(overlap >= 0.5 for overlap in overlaps) / len(overlaps),
    }


def holding(found: Segments | None, seconds: float, label: int) -> np.ndarray:
    """Start and end, in seconds, of a video's segments of a class that hold a time, best first: (K, 2)."""
    if found is None:
        return np.zeros((0, 2))
    start, end = found.times.T
    chosen = found.take((found.labels == label) & (start <= seconds) & (seconds <= end))
    return chosen.times[np.argsort(-chosen.scores, kind="stable")]
