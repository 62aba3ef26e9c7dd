"""Of the detections of a video those that make a list: of each class one at a time."""

import numpy as np

from ..detection.segments import Segments, join


def one_at_a_time(detections: Segments) -> Segments:
    """Detections of a video of which no two of a class share time, by class and there by start.

    Of each class those whose scores have the largest sum (weighted interval scheduling). Ends may touch.
    Detections without length, without a class or with a score of 0 or less are left out.
    """
    detections = detections.take(
        (detections.times[:, 1] > detections.times[:, 0]) & (detections.labels >= 0) & (detections.scores > 0)
    )
    return join([schedule(detections.take(detections.labels == n)) for n in np.unique(detections.labels)])


def schedule(detections: Segments) -> Segments:
    """The same of the detections of one class.

    By dynamic programming: the best sum up to the end of the i-th, by end, is with it or without it.
    """
    detections = detections.take(np.lexsort((detections.times[:, 0], detections.times[:, 1])))
    before = np.searchsorted(detections.times[:, 1], detections.times[:, 0], side="right").tolist()
    best, takes = [0.0], []
    for score, earlier in zip(detections.scores.tolist(), before, strict=True):
        with_it = score + best[earlier]
        takes.append(with_it > best[-1])
        best.append(max(with_it, best[-1]))
    rows, row = [], len(detections)
    while row:
        row -= 1
        if takes[row]:
            rows.append(row)
            row = before[row]
    return detections.take(np.array(rows[::-1], dtype=int))
