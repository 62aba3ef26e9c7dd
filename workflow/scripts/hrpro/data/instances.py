"""Points and the instances that they stand for, or the classes alone where points have no times."""

import itertools
import math
import statistics
from collections.abc import Sequence

from ..utils.names import LARGEST, is_number

ROUNDING = 1e-6  # seconds: points a second apart are not further apart


def are_timed(points: dict[str, list[dict]]) -> bool:
    """Whether the points of a points.json, {video: [{"label", "seconds"}]}, have times."""
    return all("seconds" in point for of_video in points.values() for point in of_video)


def classes_of(points: list[dict]) -> list[str]:
    """The classes of a video's points, each once and in order."""
    return sorted({point["label"] for point in points})


def without_times(points: list[dict]) -> list[dict]:
    """A video's points with no more than their classes, [{"label"}], each once and in order."""
    return [{"label": label} for label in classes_of(points)]


def are_spans(value) -> bool:
    """Whether a value is a list of [start, end], in seconds, each of which ends after it starts."""
    return isinstance(value, list) and all(
        isinstance(span, list)
        and len(span) == 2
        and all(map(is_number, span))
        and -LARGEST < span[0] < span[1] < LARGEST
        for span in value
    )


def holding(times: Sequence, labels: Sequence, seconds: float, label) -> int | None:
    """The instance of a class that holds a time, as a number into `times`; None where there is none.

    times: [start, end] of each of a video's instances, in seconds, ends included; labels: their classes, as
    names or as numbers. Of several instances it is the one whose centre is nearest.
    """
    candidates = [
        number
        for number, ((start, end), name) in enumerate(zip(times, labels, strict=True))
        if name == label and start <= seconds <= end
    ]
    return min(candidates, key=lambda number: abs(sum(times[number]) / 2 - seconds), default=None)


def actions(points: Sequence[tuple], same_action: float) -> list[int]:
    """The number of the action that each of a video's points marks: (seconds, class), in time order.

    Neighbouring points of one class mark the same one if they are up to `same_action` seconds apart: a person
    has clicked twice, or several persons' points are joined. With 0 each moment is an action of its own.
    """
    numbers = []
    for (before, label_before), (seconds, label) in itertools.pairwise([(-math.inf, None), *points]):
        same = label == label_before and seconds - before <= same_action + ROUNDING
        numbers.append(numbers[-1] + (not same) if numbers else 0)
    return numbers


def joined(points: Sequence[tuple], same_action: float) -> list[tuple]:
    """A point per action: the median of the seconds of its points, and their class; in time order.

    Their middle is surer than each of them: further points of an action tend to its edges.
    """
    numbered = zip(actions(points, same_action), points, strict=True)
    groups = [
        [point for _, point in group] for _, group in itertools.groupby(numbered, key=lambda pair: pair[0])
    ]
    return [(statistics.median(seconds for seconds, _ in group), group[0][1]) for group in groups]
