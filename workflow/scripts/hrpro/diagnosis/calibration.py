"""What a score means: the share of detections that are right at a score, and their tIoU."""

import numpy as np

from .matching import Matched
from .precision import of_scored_classes

BINS = 10


def figures(matched: Matched) -> dict:
    """Detections in bins of equal width of their scores: how many, their mean score, tIoU and share right.

    "tiou": the mean of the largest tIoU with an instance of the class; "right": the share that is matched, at
    each threshold. Bins go from 0 to 1 where all scores do, otherwise from the lowest to the highest, and are
    closed on the right. "error": per threshold the expected calibration error, the mean distance of score
    and share right over the detections, where scores go from 0 to 1.
    """
    scored = of_scored_classes(matched)
    scores, overlap = matched.detections.scores[scored], matched.overlap_in_class[scored]
    right, counted = matched.hit[:, scored], matched.counted[:, scored]
    shares = bool(len(scores)) and scores.min() >= 0 and scores.max() <= 1
    low, high = (0.0, 1.0) if shares or not len(scores) else (scores.min(), scores.max())
    edges = np.linspace(low, high, BINS + 1)
    number = np.clip(np.searchsorted(edges, scores, side="left") - 1, 0, BINS - 1)
    rows, error = [], np.zeros(len(matched.tiou))
    for bin_number in range(BINS):
        inside = number == bin_number
        total = counted[:, inside].sum(1)
        share = np.divide(right[:, inside].sum(1), total, out=np.full(len(total), np.nan), where=total > 0)
        score = np.where(counted[:, inside], scores[inside], 0).sum(1)
        error += np.abs(score - np.nan_to_num(share) * total)
        rows.append(
            {
                "low": edges[bin_number],
                "high": edges[bin_number + 1],
                "detections": int(inside.sum()),
                "score": scores[inside].mean() if inside.any() else None,
                "tiou": overlap[inside].mean() if inside.any() else None,
                "right": share,
            }
        )
    return {"bins": rows, "error": error / np.maximum(counted.sum(1), 1) if shares else [None] * len(error)}
