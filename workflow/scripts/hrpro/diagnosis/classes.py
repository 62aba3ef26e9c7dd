"""Class by class: AP, what errors cost, precision-recall curves, and which classes are taken for which."""

import numpy as np

from ..evaluation import mean_ap
from .errors import Impact
from .matching import Matched
from .precision import average_precisions

SHOWN = (0.3, 0.5, 0.7)  # thresholds of curves and confusions, where they are among the evaluation's
RECALLS = np.linspace(0, 1, 101)
ROUNDING = 1e-9  # of a recall


def shown(tiou: list[float]) -> list[float]:
    """The thresholds of curves and confusions: of SHOWN those that there are, else first, middle and last."""
    return [threshold for threshold in SHOWN if threshold in tiou] or sorted(
        {tiou[0], tiou[len(tiou) // 2], tiou[-1]}
    )


def per_class(
    matched: Matched, found: np.ndarray, costs: Impact, points: dict[str, int] | None
) -> dict[str, dict]:
    """Per class its counts, its AP, and the gains in its AP without the errors of a type.

    found: of `precision.found`; points: how many each class has, of the training videos, where known.
    """
    precision = average_precisions(matched, matched.counted)
    normalized = average_precisions(matched, matched.counted, normalized=True)
    instance_labels = matched.instances.labels
    result = {}
    for column, label in enumerate(matched.present):
        name, ours = matched.classes[label], instance_labels == label
        rows = matched.of_class(label)
        result[name] = {
            "instances": int(ours.sum()),
            "videos": len(np.unique(matched.video_of_instance[ours])),
            "detections": rows.stop - rows.start,
            "points": None if points is None else points.get(name, 0),
            "ap": precision[:, column],
            "average": precision[:, column].mean(),
            "normalized_ap": normalized[:, column],
            "missed": 1 - found[:, ours].mean(),
            "gains": {
                kind: (without[:, column] - costs.all[:, column]).mean()
                for kind, without in costs.types.items()
            },
        }
    return result


def curves(matched: Matched, thresholds: list[float]) -> dict:
    """Interpolated precision at recalls 0, 0.01, ... 1 per class and threshold, and its mean over classes."""
    hits, counted = matched.hit, matched.counted
    precision = {}
    for label in matched.present:
        rows, positives = matched.of_class(label), int(matched.positives[label])
        precision[matched.classes[label]] = [
            curve(hits[number, rows][counted[number, rows]], positives)
            for number in map(matched.tiou.index, thresholds)
        ]
    mean = np.mean(list(precision.values()), axis=0)
    return {"tiou": thresholds, "recall": RECALLS.round(2), "precision": precision, "mean": mean}


def curve(hit: np.ndarray, positives: int) -> np.ndarray:
    """The interpolated precision of detections in order of score at each of RECALLS, 0 past the last one."""
    precision = np.append(mean_ap.precision_at_hits(hit), 0.0)
    needed = np.ceil(RECALLS * positives - ROUNDING).astype(int)  # hits
    return precision[np.clip(needed - 1, 0, len(precision) - 1)].round(4)


def confusion(matched: Matched, thresholds: list[float]) -> dict:
    """Which classes the best detections of each class, as many as its instances, lie on.

    -> per threshold [class of the detection, class of the nearest instance, count], the most frequent
    first; None, for the background, where the nearest has a tIoU under the threshold.
    """
    count, tables = len(matched.classes), []
    names, true_labels = [*matched.classes, None], np.append(matched.instances.labels, count)
    for number, threshold in zip(map(matched.tiou.index, thresholds), thresholds, strict=True):
        best = matched.best(1) & matched.counted[number]
        detected = matched.detections.labels[best]
        nearest = np.where(matched.overlap[best] >= threshold, matched.nearest[best], -1)
        # what is matched may be less near than an instance of another class
        true = np.where(matched.hit[number, best], detected, true_labels[nearest])
        cells, counts = np.unique(detected * (count + 1) + true, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        tables.append(
            [
                [names[cell // (count + 1)], names[cell % (count + 1)], total]
                for cell, total in zip(cells[order].tolist(), counts[order].tolist(), strict=True)
            ]
        )
    return {"tiou": thresholds, "per_tiou": tables}
