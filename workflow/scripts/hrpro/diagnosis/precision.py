"""Average precision of matched detections, of all or of some, plain and normalized (docs/diagnosis.md)."""

import numpy as np

from ..evaluation import mean_ap
from .matching import Matched

LEAST_PRECISION = 0.05  # under which a detection finds nothing


def average_precisions(matched: Matched, among: np.ndarray, *, normalized: bool = False) -> np.ndarray:
    """AP per threshold and class that has instances, in [0, 1], of some of the detections: (A, classes).

    among: which of them, (A, N) bool or (N,).
    """
    among, hits, positives = np.broadcast_to(among, matched.hit.shape), matched.hit, matched.positives
    columns = []
    for label in matched.present:
        rows, count = matched.of_class(label), int(positives[label])
        weight = matched.average_positives / count if normalized else 1.0
        columns.append(
            [
                mean_ap.average_precision(hit[chosen], count, weight)
                for hit, chosen in zip(hits[:, rows], among[:, rows], strict=True)
            ]
        )
    return np.array(columns).T


def found(matched: Matched) -> np.ndarray:
    """Which instances are found at a threshold: (A, M) bool.

    By a detection that is matched to them where its class's interpolated normalized precision is still
    over LEAST_PRECISION.
    """
    result = np.zeros((len(matched.tiou), len(matched.instances)), dtype=bool)
    hits, counted, positives = matched.hit, matched.counted, matched.positives
    for label in matched.present:
        rows = matched.of_class(label)
        weight = matched.average_positives / positives[label]
        for threshold in range(len(matched.tiou)):
            chosen = counted[threshold, rows]
            hit = hits[threshold, rows][chosen]
            instances = matched.instance[threshold, rows][chosen][hit]
            precise = mean_ap.precision_at_hits(hit, weight) > LEAST_PRECISION
            result[threshold, instances[precise]] = True
    return result
