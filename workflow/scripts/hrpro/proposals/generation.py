"""Proposals: scored segments from the snippet scores of videos (docs/method.md, section 3)."""

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ..config import Proposals
from ..data.scores import Scores, smooth
from ..detection.segments import Segments, segments
from ..grid import Grid

VIDEOS = 16  # processed together: numpy's calls cost more than a video's cells, and so many fit a cache
ABOVE_0 = np.finfo(np.float64).tiny  # the lowest threshold, since a value of 0 reaches none


class Video(NamedTuple):
    """The snippet scores of a video, and the classes to propose segments of."""

    classes: np.ndarray  # S, (T, C)
    background: np.ndarray  # B, (T,)
    labels: np.ndarray  # numbers of classes, (K,)
    scores: np.ndarray  # the video's score of each of them, (K,)


def video_of(scores: Scores, labels: np.ndarray) -> Video:
    """A video with the classes to propose segments of, given by their numbers (K,)."""
    return Video(scores.classes, scores.background, labels, scores.video[labels])


def propose_test(videos: Iterable[Scores], grid: Grid, settings: Proposals) -> Iterator[Segments]:
    """The proposals of each test video, for the classes that its video scores suggest."""
    labelled = (video_of(scores, select_classes(scores.video, settings.class_score)) for scores in videos)
    return propose(labelled, grid, settings)


def select_classes(video_score: np.ndarray, threshold: float) -> np.ndarray:
    """The numbers of the classes whose video score (C,) reaches the threshold, or of the best one."""
    labels = np.flatnonzero(video_score >= threshold)
    return labels if len(labels) else np.array([video_score.argmax()])


def propose(videos: Iterable[Video], grid: Grid, settings: Proposals) -> Iterator[Segments]:
    """All proposals of each video, unsuppressed, sorted by class, start, end and score.

    Times in seconds. A segment's score is its contrast with its flanks on S (1 - B) (eq. 17), and
    `video_share` times the video score of its class;
    `contrast: cut`, as released, first sets values below the threshold to 0, so that the peaks of high
    thresholds outdo the segments around them. The proposals of a video depend on no other video.
    """
    for batch in batched(videos, VIDEOS):
        yield from propose_batch(batch, grid, settings)


def batched(videos: Iterable[Video], size: int) -> Iterator[list[Video]]:
    """Lists of `size` videos, the last one of what is left."""
    videos = iter(videos)
    while batch := list(itertools.islice(videos, size)):
        yield batch


def propose_batch(videos: list[Video], grid: Grid, settings: Proposals) -> list[Segments]:
    """`propose` of some videos together: their curves, one per class, lie end to end along one axis."""
    labels = np.concatenate([video.labels for video in videos])  # of each curve
    parts = [curves(video, settings) for video in videos]  # (2, curves, U + 2)
    widths = np.repeat([part.shape[2] for part in parts], [part.shape[1] for part in parts])
    first = widths.cumsum() - widths
    activation, foreground = np.concatenate([part.reshape(2, -1) for part in parts], axis=1)
    mask = np.concatenate(
        [
            levels(activation, settings.class_thresholds),
            levels(foreground, settings.foreground_thresholds),
        ]
    )
    level, curve, start, end = runs(mask, first)

    cut = len(settings.class_thresholds) if settings.contrast == "cut" else 0
    curve_of_level = np.empty((cut + 1, len(activation)))  # the levels from `cut` on see the whole
    np.multiply(activation, mask[:cut], out=curve_of_level[:cut])
    curve_of_level[cut] = activation
    total = sums(curve_of_level, widths.tolist())
    base = np.minimum(level, cut) * total.shape[1] + first[curve]
    score = contrast(total.ravel(), base, start, end, cells=widths[curve] - 2, flank=settings.flank)

    # complex numbers sort by their real parts (exact: positions), then by the imaginary ones
    place = (first[curve] + start) * len(activation) + end
    order = np.argsort(place + 1j * score, kind="stable")
    if settings.contrast == "whole":  # then a segment has the same score at every threshold
        order = order[np.diff(place[order], prepend=-1) != 0]
    curve, start, end, score = (column[order] for column in (curve, start, end, score))
    times = grid.seconds(np.stack([start, end], axis=1) / settings.scale)
    if grid.offset < 0:  # then the first cells begin, or even end, before the video does
        times, inside = np.maximum(times, 0), times[:, 1] > 0
        times, curve, score = times[inside], curve[inside], score[inside]
    if settings.video_share:
        of_video = np.concatenate([video.scores for video in videos]).astype(np.float64)
        score = score + settings.video_share * of_video[curve]
    proposals = segments(times, labels[curve], score)
    ends = np.searchsorted(curve, np.cumsum([len(video.labels) for video in videos]))
    return [proposals.take(slice(*part)) for part in itertools.pairwise([0, *ends])]


def curves(video: Video, settings: Proposals) -> np.ndarray:
    """S (1 - B) of a video's K classes and, for each, 1 - B: (2, K, U + 2).

    Smoothed, upsampled, and 0 at the ends.
    """
    foreground = 1 - video.background
    activation = video.classes.T[video.labels] * foreground
    values = np.concatenate([activation, foreground[None]])
    if settings.smoothing > 1:
        values = smooth(values.T, settings.smoothing).T
    cells = upsample(values, settings)
    padded = np.zeros((2, len(video.labels), cells.shape[1] + 2))
    padded[0, :, 1:-1], padded[1, :, 1:-1] = cells[:-1], cells[-1]
    return padded


def upsample(values: np.ndarray, settings: Proposals) -> np.ndarray:
    """Linear interpolation of (K, T) to (K, T * scale) in float64, extrapolated at the ends (eq. 16).

    Cell j covers [j, j + 1) / scale on the snippet axis. With `value_at: centre` a snippet's value
    stands at its centre and a cell takes the value at its own centre; with `start` both stand at
    their starts, as in the released program (fault 6).
    """
    scale, length = settings.scale, values.shape[1]
    values = values.astype(np.float64)
    if length == 1:
        return values.repeat(scale, axis=1)
    position = np.arange(length * scale) / scale
    if settings.value_at == "centre":
        position += 0.5 / scale - 0.5
    left = np.minimum(position.astype(int), length - 2)
    step = values[:, 1:] - values[:, :-1]
    return values.take(left, axis=1) + (position - left) * step.take(left, axis=1)


def levels(values: np.ndarray, thresholds: list[float]) -> np.ndarray:
    """Where values (N,) are above 0 and reach each of H thresholds: (H, N) bool."""
    return values >= np.maximum(thresholds, ABOVE_0)[:, None]


def runs(mask: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, ...]:
    """The runs in a mask (H, N): their level, curve, first cell and the one after the last, (M,) each.

    first: where each curve begins, with the 0 before its cells. Where the first cell is the only run of a
    curve at a level, it gives nothing, as in the released program.
    """
    flat = mask.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    level, start = np.divmod(edges[::2], mask.shape[1])
    curve = np.searchsorted(first, start, side="right") - 1
    start -= first[curve]
    end = start + (edges[1::2] - edges[::2])
    group = level * len(first) + curve
    lone = (end == 1) & (np.bincount(group)[group] == 1)
    return tuple(column[~lone] for column in (level, curve, start, end))


def sums(values: np.ndarray, widths: list[int]) -> np.ndarray:
    """The running sums of values (H, N) along each curve; widths: cells per curve. In place."""
    for curve in np.split(values, np.cumsum(widths)[:-1], axis=1):
        curve.cumsum(axis=1, out=curve)
    return values


def contrast(
    total: np.ndarray,
    base: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    *,
    cells: np.ndarray,
    flank: float,
) -> np.ndarray:
    """The outer-inner contrast of runs: (M,) (eq. 17).

    total: running sums; base: where in them a run's curve begins; cells: how many that curve has. The
    mean of the values inside minus the mean over two flanks, each `flank` of the run's length
    (truncated, clipped to the video; an empty flank counts 0).
    """
    length = end - start
    margin = flank * length
    outer_start = np.maximum(0, (start - margin).astype(int))
    outer_end = np.minimum(cells, (end - 1 + margin).astype(int) + 1)
    inner = total[base + end] - total[base + start]
    outer = total[base + outer_end] - total[base + outer_start] - inner
    outer_size = outer_end - outer_start - length
    return inner / length - outer / np.maximum(outer_size, 1)  # without flanks, outer is 0
