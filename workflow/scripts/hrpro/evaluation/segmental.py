"""F1 and the edit score of a list of events, as action segmentation reports them.

Lea et al., CVPR 2017; Farha and Gall ("MS-TCN"), CVPR 2019. Here events may share time with those of other
classes (docs/method.md, section 14).
"""

from typing import NamedTuple

import numpy as np

from ..detection.segments import Segments, tiou
from . import mean_ap

THRESHOLDS = [0.1, 0.25, 0.5]  # tIoU, at which the field reports F1


class Counts(NamedTuple):
    """Events that are right and wrong, and instances that are missed."""

    right: int
    wrong: int
    missed: int

    @property
    def figures(self) -> dict[str, float]:
        """F1, precision and recall in %; 0 where there is nothing to count."""
        total = 2 * self.right + self.wrong + self.missed
        return {
            "F1": 100 * 2 * self.right / max(total, 1),
            "precision": 100 * self.right / max(self.right + self.wrong, 1),
            "recall": 100 * self.right / max(self.right + self.missed, 1),
        }


def count(
    truth: dict[str, Segments],
    events: dict[str, Segments],
    threshold: float,
    ambiguous: dict[str, np.ndarray],
) -> Counts:
    """What events are against the instances of the videos to score, over all videos and classes.

    By start, each takes the instance of its class with the highest tIoU, and is right where that is >=
    threshold and no event before took it. A wrong one on an ambiguous segment, {video: (K, 2) seconds},
    counts neither way. Videos without events have none; those of others than `truth` are wrong.
    """
    right = wrong = 0
    for video, of_video in events.items():
        of_video = of_video.take(by_start(of_video))
        taken = (
            match(truth[video], of_video, threshold)
            if video in truth
            else np.zeros(len(of_video), dtype=bool)
        )
        right += int(taken.sum())
        wrong += int((~taken & ~mean_ap.overlaps(of_video, ambiguous.get(video))).sum())
    return Counts(right, wrong, sum(map(len, truth.values())) - right)


def match(true: Segments, events: Segments, threshold: float) -> np.ndarray:
    """Which of a video's events, in this order, are right: (N,) bool."""
    right, free = np.zeros(len(events), dtype=bool), np.ones(len(true), dtype=bool)
    if not len(true):
        return right
    overlap = tiou(events.times, true.times) * (events.labels[:, None] == true.labels)
    for row, best in enumerate(overlap.argmax(1)):
        if overlap[row, best] >= threshold and free[best]:
            right[row], free[best] = True, False
    return right


def edit_score(
    truth: dict[str, Segments], events: dict[str, Segments], ambiguous: dict[str, np.ndarray]
) -> float:
    """The mean over the videos of 100 (1 - d / n), with d the edit distance of two sequences of classes.

    They are the classes of the video's events and of its instances, each by start; n is the longer one's
    length. Two empty sequences have 100. An event on an ambiguous segment that overlaps no instance of its
    class is left out.
    """
    scores = []
    for video, true in truth.items():
        of_video = events.get(video, true.take([]))
        overlap = tiou(of_video.times, true.times) * (of_video.labels[:, None] == true.labels)
        of_video = of_video.take((overlap > 0).any(1) | ~mean_ap.overlaps(of_video, ambiguous.get(video)))
        sequences = [one.labels[by_start(one)].tolist() for one in (of_video, true)]
        longest = max(map(len, sequences))
        scores.append(1 - edit_distance(*sequences) / longest if longest else 1)
    return 100 * float(np.mean(scores))


def edit_distance(a: list, b: list) -> int:
    """How many insertions, deletions and replacements make one sequence of the other (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, one in enumerate(a, 1):
        last, row = row, [i]
        for j, other in enumerate(b, 1):
            row.append(min(last[j] + 1, row[-1] + 1, last[j - 1] + (one != other)))
    return row[-1]


def by_start(segments: Segments) -> np.ndarray:
    """The order of segments by start; of equal ones by end, then class."""
    return np.lexsort((segments.labels, segments.times[:, 1], segments.times[:, 0]))
