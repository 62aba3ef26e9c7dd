"""Points against the instances of their videos: the point audit."""

import numpy as np

from ..data.instances import holding
from ..detection.segments import Segments
from .summaries import plain, quantiles

TENTHS = 10  # bins of a point's position in its instance


def audit(truth: dict[str, Segments], points: dict[str, list[tuple[float, int]]]) -> dict:
    """How points and instances fit; truth: the instances of videos; points: {video: [(seconds, class)]}.

    Only of videos in truth that have an instance with a length. A point's instance is that of
    `instances.holding`; its position there goes from 0, the start, to 1. "without": instances without a
    point; "repeated": with several.
    """
    counts = {"points": 0, "instances": 0, "inside": 0, "outside": 0, "in_another_class": 0}
    positions, without, repeated = [], 0, 0
    for video, segments in truth.items():
        instances = segments.take(segments.times[:, 1] > segments.times[:, 0])
        if not len(instances):
            continue
        numbers = []
        for seconds, label in points.get(video, []):
            number = holding(instances.times, instances.labels, seconds, label)
            if number is None:
                within = (instances.times[:, 0] <= seconds) & (seconds <= instances.times[:, 1])
                counts["outside"] += 1
                counts["in_another_class"] += bool(within.any())
            else:
                start, end = instances.times[number]
                positions.append((seconds - start) / (end - start))
                numbers.append(number)
        counts["points"] += len(points.get(video, []))
        counts["instances"] += len(instances)
        counts["inside"] += len(numbers)
        marks = np.bincount(np.array(numbers, dtype=np.int64), minlength=len(instances))
        without += int((marks == 0).sum())
        repeated += int((marks > 1).sum())
    position = quantiles(np.array(positions))
    return plain(
        counts
        | {
            "outside_share": counts["outside"] / counts["points"] if counts["points"] else None,
            "without": without,
            "without_share": without / counts["instances"] if counts["instances"] else None,
            "repeated": repeated,
            "position": position and position | {"std": np.std(positions)},
            "histogram": np.histogram(positions, TENTHS, (0, 1))[0],
        }
    )
