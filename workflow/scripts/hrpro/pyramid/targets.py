"""Which cells a training video's pseudo-segments belong to (docs/method.md, section 16.4)."""

from typing import NamedTuple

import numpy as np

from .layout import HALF, Layout
from .pseudo import Pseudo


class Targets(NamedTuple):
    """Of N cells."""

    classes: np.ndarray  # (N, C), of 0 and 1
    counted: np.ndarray  # (N, C), of 0 and 1: whether the class counts in the loss
    offsets: np.ndarray  # (N, 2), from its centre to the ends of its segment, in cells of the first level
    weight: np.ndarray  # (N,), of the offsets; 0 where the cell belongs to no segment


def targets_of(pseudo: Pseudo, cells: int, classes: int, *, layout: Layout, radius: float) -> list[Targets]:
    """The targets of each level of a video with so many cells at the first one, in which the times are.

    A cell belongs to a segment of its level that it lies in, up to `radius` strides from its middle, or that
    has its middle in it; of several to the shortest.
    """
    start, end = pseudo.times.T
    middle, half = (start + end) / 2, (end - start) / 2
    level_of = np.searchsorted(HALF * 2.0 ** np.arange(layout.levels - 1), half, side="right")
    targets = []
    for level in range(layout.levels):
        stride = 2**level
        count = cells // stride
        centre = (np.arange(count) + 0.5) * stride
        target = Targets(
            classes=np.zeros((count, classes), dtype=np.float32),
            counted=np.ones((count, classes), dtype=np.float32),
            offsets=np.zeros((count, 2), dtype=np.float32),
            weight=np.zeros(count, dtype=np.float32),
        )
        for label, inner, outer in zip(pseudo.labels, pseudo.inner, pseudo.outer, strict=True):
            target.counted[holds(outer, centre) & ~holds(inner, centre), label] = 0
        of_level = np.flatnonzero(level_of == level)
        for k in of_level[np.argsort(-half[of_level], kind="stable")]:  # the shortest last
            own = holds(pseudo.times[k], centre) & (abs(centre - middle[k]) <= radius * stride)
            own[min(int(max(middle[k], 0) // stride), count - 1)] = True
            target.classes[own, pseudo.labels[k]] = 1
            target.counted[own, pseudo.labels[k]] = 1
            offsets = np.stack([centre[own] - start[k], end[k] - centre[own]], axis=1)
            target.offsets[own] = np.maximum(offsets, 0)
            target.weight[own] = pseudo.agreement[k]
        targets.append(target)
    return targets


def holds(segment: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Which of the places (N,) lie in a segment (2,): (N,) bool."""
    return (segment[0] <= places) & (places <= segment[1])
