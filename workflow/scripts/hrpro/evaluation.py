"""mAP over temporal IoU: ActivityNet's protocol, interpolated."""

import numpy as np

from .detections import Segments, join, tiou


def evaluate(
    truth: dict[str, Segments],
    found: dict[str, Segments],
    classes: list[str],
    thresholds: list[float],
    ambiguous: dict[str, np.ndarray] | None = None,
) -> dict[str, list[float]]:
    """Average precision of each class at each tIoU threshold, in [0, 1].

    truth: the instances of the videos to score; found: the detections; a detection in a video that
    is not in truth is wrong, as in the field's program. Detections are taken in order of score (equal
    scores keep their order), each matched to the best unmatched instance of its video and class with
    tIoU >= threshold. A class with no instance is left out; one with no detection has 0.
    An instance without length is a point; `agreement` says what stands for its tIoU.
    ambiguous: {video: (K, 2) seconds}; a detection that matches no instance and overlaps such a
    segment counts neither way (THUMOS14's own rule).
    """
    ambiguous = ambiguous or {}
    everything = join(list(found.values()))
    excused = np.concatenate([overlaps(s, ambiguous.get(v)) for v, s in found.items()] or [[]])
    pairs = candidate_pairs(truth, found, min(thresholds))
    result = {}
    for label, name in enumerate(classes):
        positives = sum(int((instances.labels == label).sum()) for instances in truth.values())
        if not positives:
            continue
        rows = np.flatnonzero(everything.labels == label)
        rows = rows[np.argsort(-everything.scores[rows], kind="stable")]
        hits = match(pairs.get(label, []), rows, thresholds)
        counts = hits | ~excused[rows].astype(bool)
        result[name] = [
            average_precision(hit[count], positives) for hit, count in zip(hits, counts, strict=True)
        ]
    return result


def candidate_pairs(truth: dict[str, Segments], found: dict[str, Segments], least: float) -> dict:
    """Every detection and instance of one video and class with tIoU (`agreement`) >= least.

    -> {class: [a video's (detection rows, turns, instances, tIoU)]}; a detection's row counts through
    all of found; it tries its instances turn by turn, from the best tIoU down. Equal tIoUs follow
    numpy's argsort, reversed, as in the field's program, whose figures depend on that order.
    """
    pairs: dict[int, list] = {}
    first, instances_before = 0, 0
    for video, detected in found.items():
        instances = truth.get(video)
        points = lengthless(instances.times) if instances else None
        for label in np.unique(instances.labels) if instances else ():
            times = instances.times[instances.labels == label]
            rows = np.flatnonzero(detected.labels == label)
            overlap = agreement(detected.times[rows], times, points)
            turns = np.argsort(np.argsort(overlap, axis=1)[:, ::-1], axis=1)
            row, instance = np.nonzero(overlap >= least)
            pairs.setdefault(int(label), []).append(
                (
                    first + rows[row],
                    turns[row, instance],
                    instances_before + instance,
                    overlap[row, instance],
                )
            )
            instances_before += len(times)
        first += len(detected)
    return pairs


def lengthless(times: np.ndarray) -> np.ndarray:
    """Those of the instances (N, 2) that are points, start and end being one: (P,) seconds."""
    return times[times[:, 0] == times[:, 1], 0]


def agreement(found: np.ndarray, instances: np.ndarray, points: np.ndarray) -> np.ndarray:
    """How well detections (N, 2) fit the instances (M, 2) of a class: (N, M) in [0, 1].

    With an instance that has a length it is tIoU. With one that is a point it is 1 over the number of
    the video's `points`, of any class, that the detection holds, if it holds this one, and else 0: at
    a threshold over 0.5 a hit holds its point and no other.
    """
    overlap = tiou(found, instances)
    if len(points):
        held = holds(found, points).sum(1)
        point = instances[:, 0] == instances[:, 1]
        inside = holds(found, instances[point, 0])
        overlap[:, point] = inside / np.maximum(held, 1)[:, None]
    return overlap


def holds(found: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Which of the points (P,) lie in which of the segments (N, 2), ends included: (N, P) bool."""
    return (found[:, None, 0] <= points) & (points <= found[:, None, 1])


def overlaps(found: Segments, regions: np.ndarray | None) -> np.ndarray:
    """Which segments overlap any of the regions (K, 2), in seconds: (N,) bool."""
    if regions is None:
        return np.zeros(len(found), dtype=bool)
    return (tiou(found.times, regions) > 0).any(1)


def match(pairs: list, rows: np.ndarray, thresholds: list[float]) -> np.ndarray:
    """Greedy matching of one class: which detection is a hit at each threshold.

    pairs: of `candidate_pairs`; rows: the class's detections in order of score. -> bool
    (thresholds, rows)
    """
    hits = np.zeros((len(thresholds), len(rows)), dtype=bool)
    if not pairs:
        return hits
    detection, turn, instance, overlap = (np.concatenate(c) for c in zip(*pairs, strict=True))
    by_row = np.argsort(rows)
    place = by_row[np.searchsorted(rows, detection, sorter=by_row)]
    order = np.lexsort((turn, place))
    place, instance, overlap = place[order], instance[order], overlap[order]
    for hit, threshold in zip(hits, thresholds, strict=True):
        fits = overlap >= threshold
        taken, matched = set(), -1
        for at, target in zip(place[fits].tolist(), instance[fits].tolist(), strict=True):
            if at != matched and target not in taken:
                taken.add(target)
                matched = at
                hit[at] = True
    return hits


def average_precision(hit: np.ndarray, positives: int) -> float:
    """Area under the interpolated precision-recall curve of detections in order of score."""
    true = np.cumsum(hit)
    precision = true / np.arange(1, len(hit) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[hit].sum() / positives)


def summary(per_class: dict[str, list[float]], thresholds: list[float]) -> dict:
    """mAP a threshold, its means over ranges of thresholds, and AP a class, all in %."""
    rows = np.array(list(per_class.values())).reshape(-1, len(thresholds)) * 100
    mean = rows.mean(0) if len(rows) else np.zeros(len(thresholds))
    return {
        "mAP": mean.tolist(),
        "average": averages(mean, thresholds),
        "per_class": {name: row.tolist() for name, row in zip(per_class, rows, strict=True)},
    }


def averages(values, thresholds: list[float]) -> dict[str, float]:
    """Means over all thresholds and over the field's ranges 0.1:0.5 and 0.3:0.7, where whole."""
    names = [f"{threshold:g}" for threshold in thresholds]
    ranges = {f"{names[0]}:{names[-1]}": names}
    for first, last in ((1, 5), (3, 7)):
        steps = [f"{tenth / 10:g}" for tenth in range(first, last + 1)]
        if set(steps) <= set(names):
            ranges[f"{steps[0]}:{steps[-1]}"] = steps
    return {
        name: float(np.mean([values[names.index(step)] for step in steps])) for name, steps in ranges.items()
    }
