"""From scored candidates to detections: overlapping ones of a class lose score to the best of them."""

import numpy as np

from . import config
from .detections import Segments, join


def suppress(
    candidates: dict[str, Segments], settings: config.Detection, ambiguous: dict[str, np.ndarray]
) -> dict[str, Segments]:
    """Candidates -> detections: soft-NMS and, where the settings ask, no ambiguous ones.

    ambiguous: {video: (K, 2) seconds}.
    """
    found = {
        video: soft_nms(given, settings.sigma, settings.tiou_padding) for video, given in candidates.items()
    }
    if not settings.drop_ambiguous:
        return found
    return {video: drop_ambiguous(kept, ambiguous.get(video)) for video, kept in found.items()}


def drop_ambiguous(found: Segments, regions: np.ndarray | None) -> Segments:
    """Without the detections that share a whole second with a region (K, 2) (fault 9)."""
    if regions is None or not len(regions):
        return found
    start, end = np.trunc(found.times).T
    low, high = np.rint(regions).T
    shared = np.minimum(end[:, None], high) > np.maximum(start[:, None], low)
    return found.take(~shared.any(1))


def soft_nms(found: Segments, sigma: float, padding: float) -> Segments:
    """Gaussian soft-NMS of one video, class by class: score * exp(-tIoU^2 / sigma).

    Nothing is dropped; detections come out class by class in the order in which they were kept.
    padding: seconds added to lengths and intersections in the tIoU (released: 1, fault 5; exact: 0).
    """
    return join(
        [
            suppress_class(found.take(found.labels == label), sigma, padding)
            for label in np.unique(found.labels)
        ]
    )


def suppress_class(found: Segments, sigma: float, padding: float) -> Segments:
    """Soft-NMS of the detections of one class of one video."""
    start, end = found.times.T.copy()
    score = found.scores.copy()
    number = np.arange(len(found))
    order = np.empty(len(found), dtype=np.int64)
    kept = np.empty(len(found))
    for i in range(len(found)):
        # the best goes to the front of what is left, in place of what stood there
        best = i + score[i:].argmax()
        for column in (start, end, score, number):
            column[i], column[best] = column[best], column[i]
        order[i], kept[i] = number[i], score[i]
        rest = slice(i + 1, None)
        inside = np.minimum(end[i], end[rest]) - np.maximum(start[i], start[rest]) + padding
        inside = np.maximum(inside, 0)
        union = (end[i] - start[i]) + (end[rest] - start[rest]) + 2 * padding - inside
        tiou = np.divide(inside, union, out=np.zeros_like(inside), where=union > 0)
        score[rest] *= np.exp(-(tiou**2) / sigma)
    return Segments(found.times[order], found.labels[order], kept)
