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
    level_of = np.searchsorted(HALF * 2.0 ** np.arange(layout.levels - 1), half, side="left")
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
        for first, last in np.searchsorted(centre, pseudo.unknown):
            target.counted[first:last] = 0
        between = zip(  # first cell, and the one after the last: before the inner hull, and after it
            pseudo.labels,
            np.searchsorted(centre, pseudo.outer[:, 0], "left"),
            np.searchsorted(centre, pseudo.inner[:, 0], "left"),
            np.searchsorted(centre, pseudo.inner[:, 1], "right"),
            np.searchsorted(centre, pseudo.outer[:, 1], "right"),
            strict=True,
        )
        for label, outer_start, inner_start, inner_end, outer_end in between:
            target.counted[outer_start:inner_start, label] = 0
            target.counted[inner_end:outer_end, label] = 0
        of_level = np.flatnonzero(level_of == level)
        for k in of_level[np.argsort(-half[of_level], kind="stable")]:  # the shortest last
            near = (start[k] <= centre) & (centre <= end[k]) & (abs(centre - middle[k]) <= radius * stride)
            near[min(int(max(middle[k], 0) // stride), count - 1)] = True
            positive = np.flatnonzero(near)
            target.classes[positive, pseudo.labels[k]] = 1
            target.counted[positive, pseudo.labels[k]] = 1
            offsets = np.stack([centre[positive] - start[k], end[k] - centre[positive]], axis=1)
            target.offsets[positive] = np.maximum(offsets, 0)
            target.weight[positive] = pseudo.agreement[k]
        targets.append(target)
    return targets
