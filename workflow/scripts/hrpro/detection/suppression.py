"""From scored candidates to detections: what overlaps a better one of its class loses score or is dropped."""

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from .. import config
from .segments import Segments, join, tiou_of_ends

# Changes scores, in place, by their tIoU with a detection that is kept.
Lessen = Callable[[np.ndarray, np.ndarray], None]

CELLS = 2**15  # segments, groups made equally long, that are suppressed at a time: what a cache holds
BATCH = 2**18  # segments of videos that are in memory at a time


def suppress(
    candidates: Iterable[tuple[str, Segments]], settings: config.Detection, ambiguous: dict[str, np.ndarray]
) -> Iterator[tuple[str, Segments]]:
    """Candidates -> detections, video by video: suppressed and, where the settings ask, no ambiguous ones.

    ambiguous: {video: (K, 2) seconds}.
    """
    for videos in batched(candidates):
        how = {"padding": settings.tiou_padding, "max_per_class": settings.max_per_class}
        if settings.suppression == "hard":
            suppressed = hard_nms(videos, settings.hard_tiou, **how)
        else:
            suppressed = soft_nms(videos, settings.sigma, **how)
        for video, detections in suppressed.items():
            if settings.drop_ambiguous:
                detections = drop_ambiguous(detections, ambiguous.get(video))
            yield video, detections


def batched(videos: Iterable[tuple[str, Segments]]) -> Iterator[dict[str, Segments]]:
    """Some videos at a time: as many as have BATCH segments, or little more."""
    batch, size = {}, 0
    for video, segments in videos:
        batch[video] = segments
        size += len(segments)
        if size >= BATCH:
            yield batch
            batch, size = {}, 0
    yield batch


def drop_ambiguous(detections: Segments, regions: np.ndarray | None) -> Segments:
    """Without the detections that share a whole second with a region (K, 2) (fault 9)."""
    if regions is None or not len(regions):
        return detections
    start, end = np.trunc(detections.times).T
    low, high = np.rint(regions).T
    shared = np.minimum(end[:, None], high) > np.maximum(start[:, None], low)
    return detections.take(~shared.any(1))


def soft_nms(
    videos: dict[str, Segments], sigma: float, padding: float, *, max_per_class: int | None = None
) -> dict[str, Segments]:
    """Gaussian soft-NMS, class by class in each video: score * exp(-tIoU^2 / sigma).

    Detections come out class by class in the order in which they were kept, which is that of their scores.
    padding: seconds added to lengths and intersections in the tIoU (released: 1, fault 5; exact: 0).
    max_per_class: how many of a video and class are kept; None: all.
    """

    def lessen(scores: np.ndarray, overlap: np.ndarray) -> None:
        scores *= np.exp(-(overlap**2) / sigma)

    return nms(videos, lessen, padding=padding, max_per_class=max_per_class)


def hard_nms(
    videos: dict[str, Segments], tiou: float, padding: float, *, max_per_class: int | None = None
) -> dict[str, Segments]:
    """Without those whose tIoU with one that is kept reaches `tiou`; the others keep their scores."""

    def drop(scores: np.ndarray, overlap: np.ndarray) -> None:
        scores[overlap >= tiou] = -np.inf

    kept = nms(videos, drop, padding=padding, max_per_class=max_per_class)
    return {video: segments.take(segments.scores > -np.inf) for video, segments in kept.items()}


def nms(
    videos: dict[str, Segments], lessen: Lessen, *, padding: float, max_per_class: int | None
) -> dict[str, Segments]:
    """Suppression by whatever `lessen` does; otherwise as `soft_nms`."""
    candidates = join(list(videos.values()))
    lengths = [len(segments) for segments in videos.values()]
    video = np.repeat(np.arange(len(videos)), lengths)
    by_group = np.lexsort((candidates.labels, video))
    candidates, video = candidates.take(by_group), video[by_group]
    opens = (np.diff(video, prepend=-1) != 0) | (np.diff(candidates.labels, prepend=0) != 0)
    order, scores = np.arange(len(candidates)), candidates.scores.copy()
    first = np.flatnonzero(opens)
    sizes = np.diff(np.append(first, len(candidates)))
    by_size = np.argsort(-sizes, kind="stable")
    while len(by_size):
        many = max(1, CELLS // sizes[by_size[0]])
        block, by_size = by_size[:many], by_size[many:]
        suppress_groups(
            candidates.times,
            first[block],
            sizes[block],
            lessen=lessen,
            padding=padding,
            most=max_per_class,
            order=order,
            scores=scores,
        )
    kept = Segments(candidates.times[order], candidates.labels[order], scores)
    if max_per_class is not None:
        best = np.arange(len(kept)) - np.repeat(first, sizes) < max_per_class
        kept, video = kept.take(best), video[best]
    ends = np.searchsorted(video, np.arange(len(videos)), side="right")
    return {
        name: kept.take(slice(start, end))
        for name, (start, end) in zip(videos, itertools.pairwise([0, *ends]), strict=True)
    }


def suppress_groups(
    times: np.ndarray,
    first: np.ndarray,
    sizes: np.ndarray,
    *,
    lessen: Lessen,
    padding: float,
    most: int | None,
    order: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Suppression in some groups of segments at once, each of one class of one video.

    times (N, 2) and scores (N,) of all segments; a group is sizes[g] of them, from first[g]; the largest
    group comes first. Changes `order` (N,), the segments' numbers, and `scores` to those that are kept, which
    come first in their group; most: how many of a group are (None: all).
    """
    place = np.arange(sizes[0])
    real = place < sizes[:, None]
    number = np.where(real, first[:, None] + place, 0)
    # what only fills up overlaps nothing and is never the best
    start = np.where(real, times[number, 0], np.inf)
    end = np.where(real, times[number, 1], -np.inf)
    score = np.where(real, scores[number], -np.inf)
    for i, groups in enumerate(real.sum(0)[:most]):
        # the best goes to the front of what is left, in place of what stood there
        row = np.arange(groups)
        best = i + score[:groups, i:].argmax(1)
        for column in (start, end, score, number):
            column[row, i], column[row, best] = column[row, best], column[row, i]
        overlap = tiou_of_ends(
            start[:groups, i, None],
            end[:groups, i, None],
            start[:groups, i + 1 :],
            end[:groups, i + 1 :],
            padding,
        )
        lessen(score[:groups, i + 1 :], overlap)
    target = (first[:, None] + place)[real]
    order[target], scores[target] = number[real], score[real]
