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
    found = []
    for label, values in zip(chosen, activation, strict=True):
        thresholds = np.asarray(settings.class_thresholds)[:, None]
        mask = (values >= thresholds) & (values > 0)
        whole = np.broadcast_to(values, mask.shape)
        seen = np.where(mask, values, 0.0) if settings.contrast == "cut" else whole
        found.append((label, *scored_runs(mask, seen, settings.flank)))
        thresholds = np.asarray(settings.foreground_thresholds)[:, None]
        mask = (foreground >= thresholds) & (foreground > 0)
        whole = np.broadcast_to(values, mask.shape)
        found.append((label, *scored_runs(mask, whole, settings.flank)))
    labels = np.concatenate([np.full(len(runs), label) for label, runs, _ in found])
    runs = np.concatenate([runs for _, runs, _ in found])
    scores = np.concatenate([score for _, _, score in found])
    if settings.contrast == "whole":  # then a segment has the same score at every threshold
        _, once = np.unique(np.column_stack([labels, runs]), axis=0, return_index=True)
        labels, runs, scores = labels[once], runs[once], scores[once]
    order = np.lexsort((scores, runs[:, 1], runs[:, 0], labels))
    return segments(grid.seconds(runs / settings.scale), labels, scores).take(order)


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


def scored_runs(mask: np.ndarray, values: np.ndarray, flank: float) -> tuple[np.ndarray, np.ndarray]:
    """The runs of each row of a mask and their outer-inner contrast.

    mask, values (H, U): a row a threshold. A run's score is the mean of the values inside minus the
    mean over two flanks, each `flank` of its length (truncated, clipped to the video; an empty flank
    counts 0). A row whose only cell is the first gives nothing, as in the released program.
    -> runs (N, 2), first cell and the one after the last, and scores (N,)
    """
    mask = mask & (mask[:, 1:].any(1)[:, None])
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(edges == 1)
    _, end = np.nonzero(edges == -1)
    length, cells = end - start, mask.shape[1]
    outer_start = np.maximum(0, (start - flank * length).astype(int))
    outer_end = np.minimum(cells, (end - 1 + flank * length).astype(int) + 1)
    total = np.pad(np.cumsum(values, axis=1, dtype=np.float64), ((0, 0), (1, 0)))
    inner = total[row, end] - total[row, start]
    outer = total[row, outer_end] - total[row, outer_start] - inner
    outer_size = outer_end - outer_start - length
    score = inner / length - outer / np.maximum(outer_size, 1) * (outer_size > 0)
    return np.stack([start, end], axis=1), score
