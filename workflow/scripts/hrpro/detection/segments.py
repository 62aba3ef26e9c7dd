"""Scored segments of a video, and their overlap."""

from dataclasses import dataclass

import numpy as np

LEAST_SCORE = 1e-3  # a score below it counts as it, where scores are multiplied or their logarithms are taken


@dataclass(frozen=True)
class Segments:
    """N segments of one video: proposals, detections or, unlabelled, negatives."""

    times: np.ndarray  # (N, 2) float64, start and end in seconds
    labels: np.ndarray  # (N,) int64, the class number; -1 for none
    scores: np.ndarray  # (N,) float64

    def __len__(self) -> int:
        return len(self.times)

    def take(self, index) -> "Segments":
        """The segments that an index or mask chooses, in its order."""
        return Segments(self.times[index], self.labels[index], self.scores[index])


def segments(times, labels=None, scores=None) -> Segments:
    """Segments from anything array-like; no labels means -1, no scores 0."""
    times = np.asarray(times, dtype=np.float64).reshape(-1, 2)
    labels = np.full(len(times), -1) if labels is None else labels
    scores = np.zeros(len(times)) if scores is None else scores
    return Segments(times, np.asarray(labels, dtype=np.int64), np.asarray(scores, dtype=np.float64))


def join(parts: list[Segments]) -> Segments:
    """Several Segments of one video, one after the other."""
    if not parts:
        return segments([])
    columns = zip(*((part.times, part.labels, part.scores) for part in parts), strict=True)
    return Segments(*(np.concatenate(column) for column in columns))


def tiou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Temporal intersection over union of (N, 2) with (M, 2), or each with its own (N, M, 2), segments.

    -> (N, M), 0 where disjoint (docs/method.md, eq. 3).
    """
    return tiou_of_ends(a[:, None, 0], a[:, None, 1], b[..., 0], b[..., 1])


def tiou_of_ends(start, end, other_start, other_end, padding: float = 0.0) -> np.ndarray:
    """The same, elementwise, of starts and ends of any shapes that broadcast.

    padding: is added to lengths and intersections first.
    """
    intersection = np.minimum(end, other_end) - np.maximum(start, other_start) + padding
    intersection = np.maximum(intersection, 0)
    union = (end - start) + (other_end - other_start) + 2 * padding - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)
