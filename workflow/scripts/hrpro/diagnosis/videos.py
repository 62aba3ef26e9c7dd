"""Video by video: how many instances are missed and how many detections are wrong."""

import numpy as np

from .errors import TYPES
from .matching import Matched
from .summaries import known_mean


def figures(matched: Matched, error: np.ndarray, found: np.ndarray) -> dict[str, dict]:
    """Per video of the subset: "instances", "detections", "missed" (a share) and "errors" per type.

    error: of `errors.types`; found: of `precision.found`. Errors are counted among the best detections of
    each class, as many as its instances; counts and shares are means over the thresholds.
    """
    count = len(matched.videos)
    instances = np.bincount(matched.video_of_instance, minlength=count)
    detections = np.bincount(matched.video, minlength=count)
    hits = np.stack([np.bincount(matched.video_of_instance[row], minlength=count) for row in found], axis=1)
    missed = 1 - hits / np.where(instances, instances, np.nan)[:, None]
    best, errors = matched.best(1), np.empty((count, len(TYPES)))
    for kind in range(len(TYPES)):
        rows = [np.bincount(matched.video[best & (row == kind)], minlength=count) for row in error]
        errors[:, kind] = np.mean(rows, axis=0)
    return {
        video: {
            "instances": instances[number],
            "detections": detections[number],
            "missed": known_mean(missed[number]),
            "errors": dict(zip(TYPES, errors[number], strict=True)),
        }
        for number, video in enumerate(matched.videos[: matched.in_subset])
    }
