"""Proposals: scored segments from the snippet scores of videos (method.md, "Proposals")."""

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
import torch

from ..data.scores import Scores
from ..detection.segments import Segments, segments
from ..grid import Grid

VIDEOS = 16  # worked on at a time: numpy's calls cost more than a video's cells, and a cache holds so many
ABOVE_0 = np.finfo(np.float64).tiny  # the lowest threshold, for a value of 0 reaches none

# S (T, C), B (T,), the numbers of the classes to propose for
Video = tuple[np.ndarray, np.ndarray, np.ndarray]


def propose_test(videos: Iterable[Scores], grid: Grid, settings) -> Iterator[Segments]:
    """The proposals of each test video, of the classes that it seems to have."""
    return propose(
        (
            (scores.classes, scores.background, chosen_classes(scores.video, settings.class_score))
            for scores in videos
        ),
        grid,
        settings,
    )


def chosen_classes(video_score: np.ndarray, threshold: float) -> np.ndarray:
    """The classes of a video (C,) whose score reaches the threshold, or the best one."""
    chosen = np.flatnonzero(video_score >= threshold)
    return chosen if len(chosen) else np.array([video_score.argmax()])


def propose(videos: Iterable[Video], grid: Grid, settings) -> Iterator[Segments]:
    """All proposals of each video, unsuppressed, sorted by class, start, end and score.

    settings: `config.Proposals`. Times in seconds. A segment's score is its contrast with its flanks on
    S (1 - B); `contrast: cut`, as released, sets what is under the threshold to 0 before, so that the
    peaks of high thresholds outdo the segments around them. What a video's are depends on no other.
    """
    videos = iter(videos)
    while some := list(itertools.islice(videos, VIDEOS)):
        yield from propose_some(some, grid, settings)


def propose_some(videos: list[Video], grid: Grid, settings) -> list[Segments]:
    """`propose` of videos together: their curves, one a class chosen, lie end to end along one axis."""
    labels = np.concatenate([chosen for _, _, chosen in videos])  # of each curve
    parts = [curves(*video, settings) for video in videos]  # (2, curves, U + 2)
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
    seen = np.empty((cut + 1, len(activation)))  # the levels from `cut` on see the whole
    np.multiply(activation, mask[:cut], out=seen[:cut])
    seen[cut] = activation
    total = sums(seen, widths.tolist())
    base = np.minimum(level, cut) * total.shape[1] + first[curve]
    score = contrast(total.ravel(), base, start, end, widths[curve] - 2, settings.flank)

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
    found = segments(times, labels[curve], score)
    ends = np.searchsorted(curve, np.cumsum([len(chosen) for _, _, chosen in videos]))
    return [found.take(slice(*part)) for part in itertools.pairwise([0, *ends])]


def curves(classes: np.ndarray, background: np.ndarray, chosen: np.ndarray, settings) -> np.ndarray:
    """S (1 - B) of a video's chosen classes and, for each, 1 - B; upsampled, 0 at the ends: (2, K, U + 2)."""
    foreground = 1 - background
    cells = upsample(np.concatenate([classes.T[chosen] * foreground, foreground[None]]), settings)
    walled = np.zeros((2, len(chosen), cells.shape[1] + 2))
    walled[0, :, 1:-1], walled[1, :, 1:-1] = cells[:-1], cells[-1]
    return walled


def upsample(values: np.ndarray, settings) -> np.ndarray:
    """Linear interpolation of (K, T) to (K, T * scale) in float64, extrapolated at the ends.

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
    """Where values (N,) are over 0 and reach each of H thresholds: (H, N) bool."""
    return values >= np.maximum(thresholds, ABOVE_0)[:, None]


def runs(mask: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, ...]:
    """The runs in a mask (H, N): their level, curve, first cell and the one after the last, (M,) each.

    first: where each curve begins, with the 0 before its cells. A curve of which a level holds the first
    cell alone gives nothing there, as in the released program.
    """
    flat = mask.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    level, start = np.divmod(edges[::2], mask.shape[1])
    curve = np.searchsorted(first, start, side="right") - 1
    start -= first[curve]
    end = start + (edges[1::2] - edges[::2])
    own = level * len(first) + curve
    lone = (end == 1) & (np.bincount(own)[own] == 1)
    return tuple(column[~lone] for column in (level, curve, start, end))


def sums(values: np.ndarray, widths: list[int]) -> np.ndarray:
    """The running sums of values (H, N) along each curve of so many cells, in their place.

    torch keeps a sum in a register, three times as quick as numpy with the same bits.
    """
    for curve in torch.from_numpy(values).split(widths, dim=1):
        curve.cumsum_(1)
    return values


def contrast(
    total: np.ndarray, base: np.ndarray, start: np.ndarray, end: np.ndarray, cells: np.ndarray, flank: float
) -> np.ndarray:
    """The outer-inner contrast of runs: (M,).

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
