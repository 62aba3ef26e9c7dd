"""mAP over temporal IoU: ActivityNet's protocol, interpolated."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..detection.segments import Segments, join, tiou

CELLS = 2**18  # detections times instances that are compared at a time


def evaluate(
    truth: dict[str, Segments],
    detections: Iterable[tuple[str, Segments]],
    classes: list[str],
    thresholds: list[float],
    ambiguous: dict[str, np.ndarray] | None = None,
) -> dict[str, list[float]]:
    """Average precision per class at each tIoU threshold, in [0, 1].

    truth: the instances of the videos to score; detections: video by video; one in a video that is not in
    truth is wrong, as in the field's program. Detections are taken in order of score (equal scores keep their
    order), each matched to the best unmatched instance of its video and class with tIoU >= threshold. A class
    with no instance is left out; one with no detection has 0.
    An instance without length is a point; `agreement` says what stands for its tIoU.
    ambiguous: {video: (K, 2) seconds}; a detection that matches no instance and overlaps such a
    segment counts neither way (THUMOS14's own rule).
    """
    # by class, so that no more than one class's detections are copied
    instances = by_class(truth.items(), len(classes))
    ranked = by_class(detections, len(classes))
    return {
        name: evaluate_class(instances[label], ranked[label], truth, thresholds, ambiguous=ambiguous or {})
        for label, name in enumerate(classes)
        if instances[label]
    }


def by_class(videos: Iterable[tuple[str, Segments]], classes: int) -> list[list[tuple[str, Segments]]]:
    """The segments of each class, those of a video together; those of no class are left out."""
    parts = [[] for _ in range(classes)]
    for video, segments in videos:
        order = np.argsort(segments.labels, kind="stable")
        labels, first = np.unique(segments.labels[order], return_index=True)
        for label, rows in zip(labels.tolist(), np.split(order, first)[1:], strict=True):
            if label >= 0:
                parts[label].append((video, segments.take(rows)))
    return parts


def evaluate_class(
    instances: list[tuple[str, Segments]],
    detections: list[tuple[str, Segments]],
    truth: dict[str, Segments],
    thresholds: list[float],
    *,
    ambiguous: dict[str, np.ndarray],
) -> list[float]:
    """Average precision at each threshold of one class, whose instances and detections these are.

    truth: the instances of all classes.
    """
    order, matches = match_class(instances, detections, truth, thresholds)
    excused = [overlaps(segments, ambiguous.get(video)) for video, segments in detections]
    counted = ~np.concatenate([*excused, []]).astype(bool)[order]
    positives = sum(len(segments) for _, segments in instances)
    hits = (instance >= 0 for instance in matches)
    return [average_precision(hit[hit | counted], positives) for hit in hits]


def match_class(
    instances: list[tuple[str, Segments]],
    detections: list[tuple[str, Segments]],
    truth: dict[str, Segments],
    thresholds: list[float],
) -> tuple[np.ndarray, Iterator[np.ndarray]]:
    """The matching of one class, whose instances and detections these are, video by video.

    truth: the instances of all classes. -> the detections in order of score, as numbers (N,), and for each
    threshold the instance that each of them, in that order, is matched to, -1 for none: (N,). Detections and
    instances are numbered through all videos.
    """
    number = {video: row for row, (video, _) in enumerate(instances)}
    true, ranked = (join([segments for _, segments in videos]) for videos in (instances, detections))
    order = np.argsort(-ranked.scores, kind="stable")
    points_inside = [count_points(segments.times, truth.get(video)) for video, segments in detections]
    pairs = candidate_pairs(
        ranked.times[order],
        numbered(detections, number)[order],
        np.concatenate([*points_inside, []])[order],
        true.times,
        numbered(instances, number),
        min(thresholds),
    )
    return order, (match(*pairs, threshold, len(ranked), len(true)) for threshold in thresholds)


def numbered(videos: list[tuple[str, Segments]], number: dict[str, int]) -> np.ndarray:
    """The number of each segment's video, -1 for one that has none: (N,)."""
    numbers = [number.get(video, -1) for video, _ in videos]
    return np.repeat(np.array(numbers, dtype=np.int64), [len(segments) for _, segments in videos])


def candidate_pairs(
    times: np.ndarray,
    group: np.ndarray,
    points_inside: np.ndarray,
    instances: np.ndarray,
    group_of_instance: np.ndarray,
    least: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every detection and instance of one group, here a video, whose `agreement` is >= least.

    times (N, 2), group (N,) and points_inside (N,) of the detections; those of group -1 match nothing;
    instances (M, 2) and their groups (M,) -> detections, instances and agreement (P,) each, by detection,
    and there in the order in which it tries them, from the best. Equal tIoUs follow numpy's argsort,
    reversed, as in the field's program, whose figures depend on that order.
    """
    instances = instances[np.argsort(group_of_instance, kind="stable")]
    sizes = np.bincount(group_of_instance, minlength=group.max(initial=0) + 1)
    sizes = np.append(sizes, 0)  # of group -1
    size, first = sizes[group], (np.cumsum(sizes) - sizes)[group]
    pairs = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))]
    for count in np.unique(size[size > 0]):
        same = np.flatnonzero(size == count)
        windows = sliding_window_view(instances, count, axis=0).swapaxes(1, 2)
        for rows in np.array_split(same, 1 + len(same) * count // CELLS):
            overlap = agreement(times[rows], windows[first[rows]], points_inside[rows])
            matched = (overlap >= least).any(1)
            rows, overlap = rows[matched], overlap[matched]
            turns = np.argsort(overlap, axis=1)[:, ::-1]
            overlap = np.take_along_axis(overlap, turns, axis=1)
            row, turn = np.nonzero(overlap >= least)
            pairs.append((rows[row], first[rows[row]] + turns[row, turn], overlap[row, turn]))
    detection, instance, overlap = (np.concatenate(column) for column in zip(*pairs, strict=True))
    order = np.argsort(detection, kind="stable")
    return detection[order], instance[order], overlap[order]


def lengthless(times: np.ndarray) -> np.ndarray:
    """Those of the instances (N, 2) that are points, start and end being one: (P,) seconds."""
    return times[times[:, 0] == times[:, 1], 0]


def count_points(detections: np.ndarray, truth: Segments | None) -> np.ndarray:
    """How many of a video's instances without length lie inside each detection (N, 2): (N,)."""
    points = np.empty(0) if truth is None else lengthless(truth.times)
    if not len(points):
        return np.zeros(len(detections), dtype=np.int64)
    return contains(detections, points).sum(1)


def agreement(detections: np.ndarray, instances: np.ndarray, points_inside: np.ndarray) -> np.ndarray:
    """How well each detection (N, 2) fits its instances (N, M, 2): (N, M) in [0, 1].

    With an instance that has a length it is tIoU. With one that is a point it is, if the point lies in the
    detection, 1 over the number of the video's points, of any class, that do (`points_inside`, (N,)), and
    else 0: at a threshold over 0.5 a hit contains its point and no other.
    """
    overlap = tiou(detections, instances)
    point = instances[..., 0] == instances[..., 1]
    if point.any():
        inside = contains(detections, instances[..., 0])
        overlap = np.where(point, inside / np.maximum(points_inside, 1)[:, None], overlap)
    return overlap


def contains(segments: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Which of the points (P,), or of its own (N, P), lie in a segment (N, 2), ends included: (N, P) bool."""
    return (segments[:, None, 0] <= points) & (points <= segments[:, None, 1])


def overlaps(detections: Segments, regions: np.ndarray | None) -> np.ndarray:
    """Which detections overlap any of the regions (K, 2), in seconds: (N,) bool."""
    if regions is None:
        return np.zeros(len(detections), dtype=bool)
    return (tiou(detections.times, regions) > 0).any(1)


def match(
    detection: np.ndarray,
    instance: np.ndarray,
    overlap: np.ndarray,
    threshold: float,
    detections: int,
    instances: int,
) -> np.ndarray:
    """Greedy matching at a threshold: the instance of each detection, numbered in order of score: (N,).

    detection, instance, overlap: of `candidate_pairs`. Each detection takes the first of its instances
    that none before it took, -1 if there is none. All that are sure are taken at once: pairs in which the
    instance is the detection's first choice and no earlier detection has the instance among its own.
    """
    matched, free = np.full(detections, -1), np.ones(instances, dtype=bool)
    open_pairs = overlap >= threshold
    while open_pairs.any():
        detection, instance = detection[open_pairs], instance[open_pairs]
        first_choice = np.diff(detection, prepend=-1) > 0
        earliest = np.empty(instances, dtype=np.int64)
        earliest[instance[::-1]] = detection[::-1]  # of equal indices the last assignment stays
        sure = first_choice & (earliest[instance] == detection)
        matched[detection[sure]], free[instance[sure]] = instance[sure], False
        open_pairs = free[instance] & (matched[detection] < 0)
    return matched


def precision_at_hits(hit: np.ndarray, weight: float = 1.0) -> np.ndarray:
    """Interpolated precision at each hit of detections in order of score (N,): (hits,).

    The largest precision at that hit and at those after it. weight: what a hit counts for, against 1 for a
    detection that is wrong.
    """
    true = np.arange(1, np.count_nonzero(hit) + 1)
    wrong = np.flatnonzero(hit) + 1 - true
    precision = weight * true / (weight * true + wrong)
    return np.maximum.accumulate(precision[::-1])[::-1]


def average_precision(hit: np.ndarray, positives: int, weight: float = 1.0) -> float:
    """Area under the interpolated precision-recall curve of detections in order of score.

    positives: the number of instances; weight: as in `precision_at_hits`.
    """
    return float(precision_at_hits(hit, weight).sum() / positives)


def summary(per_class: dict[str, list[float]], thresholds: list[float]) -> dict:
    """mAP per threshold, its means over ranges of thresholds, and AP per class, all in %."""
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
