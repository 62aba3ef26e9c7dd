"""What the pyramid learns from: a pseudo-segment per point, made of stage 2's candidates, or true segments.

docs/method.md, sections 16.1 and 15.
"""

from typing import NamedTuple

import numpy as np

from ..detection.segments import LEAST_SCORE, Segments, tiou

ALIKE = 0.5  # tIoU with the best candidate from which another one counts
HULL = 0.5  # share of the largest weight from which a candidate counts for the hulls


class Pseudo(NamedTuple):
    """K pseudo-segments of a video, or its true ones, in seconds."""

    times: np.ndarray  # (K, 2)
    labels: np.ndarray  # (K,)
    inner: np.ndarray  # (K, 2), what the candidates of each share
    outer: np.ndarray  # (K, 2), what any of them has
    agreement: np.ndarray  # (K,), in (0, 1]: how well they agree
    unknown: np.ndarray = np.empty((0, 2))  # (A, 2), stretches of which no class is known


def pseudo_segments(candidates: list[Segments]) -> Pseudo:
    """A pseudo-segment for each of K points, by its candidates, of which there is one at least."""
    parts = [pseudo_segment(each) for each in candidates]
    times, inner, outer, agreement = zip(*parts, strict=True) if parts else [()] * 4
    return Pseudo(
        times=np.array(times).reshape(-1, 2),
        labels=np.array([each.labels[0] for each in candidates], dtype=np.int64),
        inner=np.array(inner).reshape(-1, 2),
        outer=np.array(outer).reshape(-1, 2),
        agreement=np.array(agreement),
    )


def true_segments(times: np.ndarray, labels: np.ndarray, unknown: np.ndarray) -> Pseudo:
    """True segments (K, 2) of a video in place of pseudo-segments: nothing disagrees about their ends."""
    return Pseudo(times, labels, inner=times, outer=times, agreement=np.ones(len(times)), unknown=unknown)


def pseudo_segment(candidates: Segments) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """A point's candidates -> their mean, what they share, what any has, and how well they agree.

    Each counts with its score times its tIoU with the best one, if that is ALIKE at least (eq. 43).
    """
    best = candidates.scores.argmax()
    overlap = tiou(candidates.times[best : best + 1], candidates.times)[0]
    alike = overlap >= ALIKE
    times = candidates.times[alike]
    weight = np.maximum(candidates.scores[alike], LEAST_SCORE) * overlap[alike]
    weight /= weight.sum()
    mean = weight @ times
    heavy = times[weight >= HULL * weight.max()]
    inner = np.array([heavy[:, 0].max(), heavy[:, 1].min()])
    outer = np.array([heavy[:, 0].min(), heavy[:, 1].max()])
    return mean, inner, outer, float(weight @ tiou(mean[None], times)[0])
