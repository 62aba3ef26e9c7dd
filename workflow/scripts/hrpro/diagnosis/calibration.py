"""What a score means: the share of detections that are right at a score, and their tIoU."""

import numpy as np

from .errors import RANKS
from .matching import Matched

BINS = 20


def figures(matched: Matched) -> dict:
    """The best detections, RANKS times as many per class as instances, in bins of scores, as many in each.

    Of each bin how many there are, "low" and "high", their mean "score", "tiou", the mean of the largest tIoU
    with an instance of the class, and "right", the share that is matched, at each threshold. Bins are closed
    on the right, and fewer where scores are equal. "error": per threshold the expected calibration error,
    the mean distance of score and share right over the detections; None where scores are not in [0, 1].
    """
    best = matched.best(RANKS)
    scores, overlap = matched.detections.scores[best], matched.overlap_in_class[best]
    right, counted = matched.hit[:, best], matched.counted[:, best]
    number, highest = split(scores)
    rows, error = [], np.zeros(len(matched.tiou))
    for bin_number, high in enumerate(highest):
        inside = number == bin_number
        total = counted[:, inside].sum(1)
        share = np.divide(right[:, inside].sum(1), total, out=np.full(len(total), np.nan), where=total > 0)
        score = np.where(counted[:, inside], scores[inside], 0).sum(1)
        error += np.abs(score - np.nan_to_num(share) * total)
        rows.append(
            {
                "low": scores[inside].min(),
                "high": high,
                "detections": int(inside.sum()),
                "score": scores[inside].mean(),
                "tiou": overlap[inside].mean(),
                "right": share,
            }
        )
    known = len(scores) and scores.min() >= 0 and scores.max() <= 1
    return {"bins": rows, "error": error / np.maximum(counted.sum(1), 1) if known else [None] * len(error)}


def split(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bin of each score, and the highest score of each bin."""
    if not len(scores):
        return np.empty(0, dtype=np.int64), scores
    shares = np.arange(1, BINS + 1) / BINS
    highest = np.unique(np.quantile(scores, shares, method="inverted_cdf"))
    return np.searchsorted(highest, scores, side="left"), highest
