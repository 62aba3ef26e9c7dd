"""P-MIL's protocol: times in snippets, those of true instances rounded (docs/method.md, section 7.5)."""

import numpy as np

from ..detection.segments import Segments
from ..grid import Grid

NOWHERE = (-2.0, -1.0)  # in front of every video: what lies here is never detected


def in_snippets(segments: Segments, grid: Grid) -> Segments:
    """Segments in seconds -> the same in snippets."""
    return Segments(grid.snippets(segments.times), segments.labels, segments.scores)


def in_whole_snippets(instances: Segments, grid: Grid) -> Segments:
    """Instances in seconds -> in whole snippets, halves rounded to even numbers.

    One that becomes empty still counts, and is never found.
    """
    times = np.round(grid.snippets(instances.times))
    empty = times[:, 0] == times[:, 1]
    return Segments(np.where(empty[:, None], NOWHERE, times), instances.labels, instances.scores)
