"""Recall against the number of detections that are looked at in each video (AR@AN)."""

import numpy as np

from .matching import Matched

COUNTS = (1, 2, 3, 5, 7)  # and their multiples by powers of ten
NEVER = np.iinfo(np.int64).max  # the rank of the first detection that covers an instance that none does


def figures(matched: Matched) -> dict:
    """The share of instances that some of the k best detections of their video cover, for rising k.

    Covered: with tIoU >= threshold. "recall": by a detection of their class, a mean over the thresholds;
    "recall_any_label": by one of any class, as the field's AR@AN of proposals; "average": the detections
    per video that k comes to.
    """
    order = np.lexsort((matched.row, -matched.detections.scores, matched.video))
    per_video = np.bincount(matched.video, minlength=len(matched.videos))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - np.repeat(np.cumsum(per_video) - per_video, per_video)
    limits = ladder(int(per_video[: matched.in_subset].max(initial=0)))
    same = (
        matched.detections.labels[matched.pairs.detection] == matched.instances.labels[matched.pairs.instance]
    )
    recall, any_label = (recall_at(matched, rank, limits, among) for among in (same, np.ones_like(same)))
    return {
        "per_video": limits,
        "average": [np.minimum(per_video[: matched.in_subset], limit).mean() for limit in limits],
        "recall": recall.mean(0),
        "recall_any_label": any_label.mean(0),
        "per_tiou": recall,
        "per_tiou_any_label": any_label,
    }


def ladder(most: int) -> list[int]:
    """1, 2, 3, 5, 7, 10, 20, ... up to the first that is not less than `most`."""
    limits, power = [], 1
    while True:
        for count in COUNTS:
            limits.append(count * power)
            if limits[-1] >= most:
                return limits
        power *= 10


def recall_at(matched: Matched, rank: np.ndarray, limits: list[int], among: np.ndarray) -> np.ndarray:
    """The recall at each threshold and limit, by some of the pairs (P,) bool: (A, limits).

    rank: of each detection in its video, from 0.
    """
    ranks = rank[matched.pairs.detection]
    last_first = np.argsort(-ranks, kind="stable")
    result = np.empty((len(matched.tiou), len(limits)))
    for number, threshold in enumerate(matched.tiou):
        pairs = last_first[(among & (matched.pairs.overlap >= threshold))[last_first]]
        earliest = np.full(len(matched.instances), NEVER)
        earliest[matched.pairs.instance[pairs]] = ranks[pairs]  # of equal indices the last assignment stays
        result[number] = (earliest[:, None] < limits).mean(0)
    return result
