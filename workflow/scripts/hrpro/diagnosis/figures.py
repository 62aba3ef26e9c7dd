"""All figures of a diagnosis as one dictionary that can be written as JSON (docs/diagnosis.md)."""

import numpy as np

from . import boundaries, buckets, calibration, classes, errors, precision, recall, videos
from .matching import Matched
from .summaries import plain


def diagnose(
    matched: Matched,
    *,
    scheme: str | None = None,
    snippet_s: float | None = None,
    points: dict[str, int] | None = None,
) -> dict:
    """The diagnosis of matched detections of a subset that has an instance.

    scheme: of buckets.SCHEMES or QUANTILES, by default as the videos' names say; snippet_s: seconds from a
    snippet to the next, where known; points: how many each class has, where known. Shares, AP and recall are
    in [0, 1]; what is unknown is None.
    """
    scheme = scheme or buckets.scheme_of(matched.videos[: matched.in_subset], len(matched.classes))
    error, found = errors.types(matched), precision.found(matched)
    costs = errors.impact(matched, error)
    ap = precision.average_precisions(matched, matched.counted)
    normalized = precision.average_precisions(matched, matched.counted, normalized=True)
    by_bucket = buckets.figures(matched, found, scheme)
    thresholds = classes.shown(matched.tiou)
    return plain(
        {
            "tiou": matched.tiou,
            "classes": [matched.classes[label] for label in matched.present],
            "counts": counts(matched),
            "mAP": ap.mean(1),
            "average": ap.mean(),
            "normalized_mAP": normalized.mean(1),
            "normalized_average": normalized.mean(),
            "instances_per_class": matched.average_positives,
            "per_class": classes.per_class(matched, found, costs, points),
            "curves": classes.curves(matched, thresholds),
            "errors": {
                "types": errors.TYPES,
                "profile": errors.profile(matched, error),
                "impact": errors.impact_figures(costs),
            },
            "characteristics": {
                name: row | spread(row["buckets"], normalized.mean()) for name, row in by_bucket.items()
            },
            "missed": {"share": 1 - found.mean(), "per_tiou": 1 - found.mean(1)},
            "recall": recall.figures(matched),
            "boundaries": boundaries.errors(matched, snippet_s),
            "lengths": boundaries.lengths(matched, buckets.of_instances(matched, scheme)["length"]),
            "calibration": calibration.figures(matched),
            "confusion": classes.confusion(matched, thresholds),
            "videos": videos.figures(matched, error, found),
        }
    )


def counts(matched: Matched) -> dict:
    """What there is, and what is missing or out of place."""
    detected, with_instance = np.unique(matched.video), np.unique(matched.video_of_instance)
    classes_detected = set(matched.detections.labels.tolist())
    return {
        "videos": matched.in_subset,
        "instances": len(matched.instances),
        "detections": len(matched.detections),
        "left_out": matched.left_out,
        "unknown_duration": int(np.isnan(matched.durations[: matched.in_subset]).sum()),
        "detections_outside": int((matched.video >= matched.in_subset).sum()),
        "detections_of_no_class": int((matched.positives[matched.detections.labels] == 0).sum()),
        "videos_without_instance": matched.in_subset - len(with_instance),
        "videos_without_detection": matched.in_subset - int((detected < matched.in_subset).sum()),
        "classes_without_detection": [
            matched.classes[label] for label in matched.present if label not in classes_detected
        ],
    }


def spread(rows: list[dict], average: float) -> dict[str, float | None]:
    """The smallest and the largest normalized mAP of the buckets over that of all instances."""
    known = [row["normalized_mAP"] for row in rows if row["instances"]]
    if not known or not average:
        return {"smallest": None, "largest": None}
    return {"smallest": min(known) / average, "largest": max(known) / average}
