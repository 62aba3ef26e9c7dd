"""The type of each wrong detection, the profile of the best ones, and what each type costs."""

from typing import NamedTuple

import numpy as np

from .matching import Matched
from .precision import average_precisions

TYPES = (
    "true positive",
    "double detection",
    "wrong label",
    "localization",
    "confusion",
    "background",
)
TRUE, DOUBLE, WRONG_LABEL, LOCALIZATION, CONFUSION, BACKGROUND = range(len(TYPES))
IGNORED = len(TYPES)  # on an ambiguous segment: counts neither way
NOT_SCORED = -1  # of a class that has no instance
LEAST_OVERLAP = 0.1  # the tIoU under which a detection lies in the background
RANKS = 10  # times as many detections as instances are looked at


def types(matched: Matched) -> np.ndarray:
    """The type of each detection at each threshold, a number into TYPES, IGNORED or NOT_SCORED: (A, N).

    By the instance of its video with the largest tIoU, whatever its class.
    """
    detections, instances = matched.detections, matched.instances
    own = np.zeros(len(detections), dtype=bool)
    near = matched.nearest >= 0
    own[near] = instances.labels[matched.nearest[near]] == detections.labels[near]
    reached = matched.overlap >= np.array(matched.tiou)[:, None]
    result = np.select(
        [matched.hit, matched.ambiguous[None], reached & own, reached, matched.overlap[None] < LEAST_OVERLAP],
        [TRUE, IGNORED, DOUBLE, WRONG_LABEL, BACKGROUND],
        np.where(own, LOCALIZATION, CONFUSION),
    )
    result[:, matched.positives[detections.labels] == 0] = NOT_SCORED
    return result


def profile(matched: Matched, error: np.ndarray) -> list[dict]:
    """The shares of the types among the 1st, 2nd, ... G detections of the classes, G their instances.

    error: of `types`. -> per rank "detections", how many there are, and "shares" per type, means over the
    thresholds, None where there are none; "per_tiou": those at each threshold, in the order of TYPES.
    """
    positives = np.maximum(matched.positives[matched.detections.labels], 1)
    rank = np.where(matched.best(RANKS), matched.rank // positives, RANKS)
    rows = []
    for number in range(RANKS):
        these = error[:, rank == number]
        counts = np.stack([(these == kind).sum(1) for kind in range(len(TYPES))], axis=1)
        total = counts.sum(1, keepdims=True)
        shares = np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
        mean = shares.mean(0) if (total > 0).all() else np.full(len(TYPES), np.nan)
        rows.append(
            {
                "detections": these.shape[1],
                "shares": dict(zip(TYPES, mean, strict=True)),
                "per_tiou": shares,
            }
        )
    return rows


class Impact(NamedTuple):
    """AP of the best detections, RANKS times as many as instances, per threshold and class: (A, classes).

    types: without the errors of a type; none: without any; normalized: the same, as normalized AP.
    """

    all: np.ndarray
    types: dict[str, np.ndarray]
    none: np.ndarray
    normalized: np.ndarray
    normalized_types: dict[str, np.ndarray]


def impact(matched: Matched, error: np.ndarray) -> Impact:
    """What the errors of each type cost; error: of `types`."""
    best = matched.counted & matched.best(RANKS)
    without = {name: best & (error != kind) for kind, name in enumerate(TYPES) if kind != TRUE}
    return Impact(
        all=average_precisions(matched, best),
        types={name: average_precisions(matched, among) for name, among in without.items()},
        none=average_precisions(matched, best & matched.hit),
        normalized=average_precisions(matched, best, normalized=True),
        normalized_types={
            name: average_precisions(matched, among, normalized=True) for name, among in without.items()
        },
    )


def impact_figures(costs: Impact) -> dict:
    """The gains in mAP: "mAP" of the best detections, per type "gain", "per_tiou" and "gain_normalized".

    "all": the mAP without any wrong detection, and the gain of that. Means over classes and thresholds.
    """
    return {
        "mAP": costs.all.mean(),
        "normalized_mAP": costs.normalized.mean(),
        "types": {
            name: {
                "gain": without.mean() - costs.all.mean(),
                "per_tiou": without.mean(1) - costs.all.mean(1),
                "gain_normalized": costs.normalized_types[name].mean() - costs.normalized.mean(),
            }
            for name, without in costs.types.items()
        },
        "all": {"mAP": costs.none.mean(), "gain": costs.none.mean() - costs.all.mean()},
    }


class Verdicts(NamedTuple):
    """What becomes of each of a video's n detections at a threshold; rows are those of what was given."""

    error: np.ndarray  # (n,) a number into TYPES, IGNORED or NOT_SCORED
    tiou: np.ndarray  # (n,) with the nearest instance of the video, of any class; 0 where none overlaps
    nearest: np.ndarray  # (n,) the row of that instance, -1 for none
    instance: np.ndarray  # (n,) the row of the instance that it is matched to, -1 for none


def of_videos(matched: Matched, error: np.ndarray, threshold: float) -> dict[str, Verdicts]:
    """The verdicts on each video's detections of a known class, in their order; error: of `types`.

    Raises ValueError where detections were not matched at that threshold.
    """
    number = matched.tiou.index(threshold)
    order = np.lexsort((matched.row, matched.video))
    rows = np.append(matched.row_of_instance, -1)  # of instance -1
    columns = (
        error[number, order],
        matched.overlap[order],
        rows[matched.nearest[order]],
        rows[matched.instance[number, order]],
    )
    ends = np.searchsorted(matched.video[order], np.arange(1, len(matched.videos)))
    return {
        video: Verdicts(*parts)
        for video, *parts in zip(matched.videos, *(np.split(column, ends) for column in columns), strict=True)
    }
