"""Proposals: scored segments from the snippet scores of one video (method.md, "Proposals")."""

import numpy as np

from .detections import Segments, segments
from .grid import Grid
from .scores import Scores


def propose_test(scores: Scores, grid: Grid, settings) -> Segments:
    """The proposals of a test video, of the classes that it seems to have."""
    chosen = chosen_classes(scores.video, settings.class_score)
    return propose(scores.classes, scores.background, chosen, grid, settings)


def propose(
    classes: np.ndarray,
    background: np.ndarray,
    chosen: np.ndarray,
    grid: Grid,
    settings,
) -> Segments:
    """All proposals of a video, unsuppressed, sorted by class, start, end and score.

    classes: S (T, C); background: B (T,); chosen: the numbers of the classes to propose for;
    settings: `config.Proposals`. Times in seconds. A segment's score is its contrast with its flanks on
    S (1 - B); `contrast: cut`, as released, sets what is under the threshold to 0 before, so that the
    peaks of high thresholds outdo the segments around them.
    """
    activation = upsample(classes[:, chosen] * (1 - background[:, None]), settings).T  # (K, U)
    foreground = upsample(1 - background[:, None], settings).T  # (1, U)
    mask = levels(activation, settings.class_thresholds)
    row, start, end = runs(mask)
    own = row // len(settings.class_thresholds)
    if settings.contrast == "cut":
        seen = np.where(mask, activation.repeat(len(settings.class_thresholds), axis=0), 0.0)
        score = contrast(seen, row, start, end, settings.flank)
    else:
        score = contrast(activation, own, start, end, settings.flank)
    _, first, last = runs(levels(foreground, settings.foreground_thresholds))
    row = np.arange(len(chosen)).repeat(len(first))
    first, last = np.tile(first, len(chosen)), np.tile(last, len(chosen))
    score = np.concatenate([score, contrast(activation, row, first, last, settings.flank)])
    start, end = np.concatenate([start, first]), np.concatenate([end, last])
    labels = np.concatenate([chosen[own], chosen[row]])
    order = np.lexsort((score, end, start, labels))
    labels, start, end, score = (column[order] for column in (labels, start, end, score))
    if settings.contrast == "whole":  # then a segment has the same score at every threshold
        once = np.ones(len(order), dtype=bool)
        once[1:] = (np.diff(labels) != 0) | (np.diff(start) != 0) | (np.diff(end) != 0)
        labels, start, end, score = labels[once], start[once], end[once], score[once]
    times = grid.seconds(np.stack([start, end], axis=1) / settings.scale)
    if grid.offset < 0:  # then the first cells begin, or even end, before the video does
        times, seen = np.maximum(times, 0), times[:, 1] > 0
        times, labels, score = times[seen], labels[seen], score[seen]
    return segments(times, labels, score)


def chosen_classes(video_score: np.ndarray, threshold: float) -> np.ndarray:
    """The classes of a video (C,) whose score reaches the threshold, or the best one."""
    chosen = np.flatnonzero(video_score >= threshold)
    return chosen if len(chosen) else np.array([video_score.argmax()])


def upsample(values: np.ndarray, settings) -> np.ndarray:
    """Linear interpolation of (T, K) to (T * scale, K) in float64, extrapolated at the ends.

    Cell j covers [j, j + 1) / scale on the snippet axis. With `value_at: centre` a snippet's value
    stands at its centre and a cell takes the value at its own centre; with `start` both stand at
    their starts, as in the released program (fault 6).
    """
    scale, length = settings.scale, len(values)
    values = values.astype(np.float64)
    if length == 1:
        return np.repeat(values, scale, axis=0)
    position = np.arange(length * scale) / scale
    if settings.value_at == "centre":
        position += 0.5 / scale - 0.5
    left = np.clip(np.floor(position).astype(int), 0, length - 2)
    weight = (position - left)[:, None]
    return values[left] + weight * (values[left + 1] - values[left])


def levels(values: np.ndarray, thresholds: list[float]) -> np.ndarray:
    """Where each of K rows of values (K, U) is over 0 and reaches each of H thresholds: (K * H, U) bool."""
    reached = (values[:, None] >= np.asarray(thresholds)[:, None]) & (values[:, None] > 0)
    return reached.reshape(-1, values.shape[1])


def runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The runs of each row of a mask (H, U): their row, first cell and the one after the last, (N,) each.

    A row whose only cell is the first gives nothing, as in the released program.
    """
    height, cells = mask.shape
    walled = np.zeros((height, cells + 2), dtype=bool)
    np.logical_and(mask, mask[:, 1:].any(1)[:, None], out=walled[:, 1:-1])
    walled = walled.ravel()
    edges = np.flatnonzero(walled[1:] != walled[:-1])
    row = edges[::2] // (cells + 2)
    return row, edges[::2] - row * (cells + 2), edges[1::2] - row * (cells + 2)


def contrast(
    values: np.ndarray, row: np.ndarray, start: np.ndarray, end: np.ndarray, flank: float
) -> np.ndarray:
    """The outer-inner contrast of runs in rows of values (H, U): (N,).

    The mean of the values inside minus the mean over two flanks, each `flank` of the run's length
    (truncated, clipped to the video; an empty flank counts 0).
    """
    length, cells = end - start, values.shape[1]
    outer_start = np.maximum(0, (start - flank * length).astype(int))
    outer_end = np.minimum(cells, (end - 1 + flank * length).astype(int) + 1)
    total = np.zeros((len(values), cells + 1))
    np.cumsum(values, axis=1, out=total[:, 1:])
    inner = total[row, end] - total[row, start]
    outer = total[row, outer_end] - total[row, outer_start] - inner
    outer_size = outer_end - outer_start - length
    return inner / length - outer / np.maximum(outer_size, 1) * (outer_size > 0)
