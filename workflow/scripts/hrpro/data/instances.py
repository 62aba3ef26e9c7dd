"""Which instance a point stands for."""

from collections.abc import Sequence


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
