"""Instances in buckets: by coverage, by length, and by the number of instances in their video."""

import itertools
import re
from typing import NamedTuple

import numpy as np

from ..evaluation import mean_ap
from .matching import Matched
from .summaries import known_mean

# Upper borders; a bucket is open on the left and closed on the right.
SCHEMES = {
    "thumos14": {
        "coverage": [0, 0.02, 0.04, 0.06, 0.08, 1],
        "length": [0, 3, 6, 12, 18, np.inf],
        "instances": [0, 1, 40, 80, np.inf],
    },
    "activitynet": {
        "coverage": [0, 0.2, 0.4, 0.6, 0.8, 1],
        "length": [0, 30, 60, 120, 180, np.inf],
        "instances": [0, 1, 4, 8, np.inf],
    },
}
QUANTILES = "quantiles"  # the scheme of any other data set
FIFTHS, THIRDS = (0.2, 0.4, 0.6, 0.8), (1 / 3, 2 / 3)
UNITS = {"coverage": None, "length": "s", "instances": None}
NAMES = {  # of the videos of data sets that have a scheme; 11 characters alone do not tell YouTube's
    "thumos14": re.compile(r"video_(validation|test)_\d{7}"),
    "activitynet": re.compile(r"v_[\w-]{11}"),
}
YOUTUBE, ACTIVITYNET_CLASSES = re.compile(r"[\w-]{11}"), (100, 200)


class Buckets(NamedTuple):
    """The buckets of a characteristic, B of them."""

    edges: np.ndarray  # (B + 1,)
    number: np.ndarray  # (M,) the bucket of each instance, -1 where its characteristic is unknown


def scheme_of(videos: list[str], classes: int) -> str:
    """The scheme of a data set, by the names of its videos and its number of classes."""
    for scheme, pattern in NAMES.items():
        if all(map(pattern.fullmatch, videos)):
            return scheme
    if classes in ACTIVITYNET_CLASSES and all(map(YOUTUBE.fullmatch, videos)):
        return "activitynet"
    return QUANTILES


def of_instances(matched: Matched, scheme: str) -> dict[str, Buckets]:
    """Characteristic -> its buckets, by a scheme of SCHEMES or QUANTILES."""
    return {
        name: split(values, SCHEMES[scheme][name] if scheme != QUANTILES else edges_of(name, values))
        for name, values in characteristics(matched).items()
    }


def characteristics(matched: Matched) -> dict[str, np.ndarray]:
    """Characteristic -> that of each instance, NaN where unknown: (M,)."""
    lengths = matched.instances.times[:, 1] - matched.instances.times[:, 0]
    coverage = lengths / matched.durations[matched.video_of_instance]
    in_video = np.bincount(matched.video_of_instance, minlength=len(matched.videos))
    return {
        "coverage": np.minimum(coverage, 1),
        "length": lengths,
        "instances": in_video[matched.video_of_instance].astype(float),
    }


def edges_of(name: str, values: np.ndarray) -> list[float]:
    """The edges of the buckets of a characteristic by quantiles of its values; equal ones are one."""
    known = values[~np.isnan(values)]
    lowest, shares = [0.0], FIFTHS
    if name == "instances":
        lowest, shares, known = [0.0, 1.0], THIRDS, known[known > 1]
    inner = np.unique(np.quantile(known, shares, method="inverted_cdf")) if len(known) else np.empty(0)
    return [*lowest, *inner[inner < known.max(initial=0)], 1.0 if name == "coverage" else np.inf]


def split(values: np.ndarray, edges: list[float]) -> Buckets:
    """Values in buckets between edges, each closed on the right."""
    number = np.searchsorted(edges, values, side="left") - 1
    return Buckets(np.array(edges, dtype=np.float64), np.where(np.isnan(values), -1, number))


def labels(name: str, edges: np.ndarray) -> list[str]:
    """The buckets of a characteristic in words: 0-3 s, > 18 s; of counts 1, 2-40, > 80."""
    if len(edges) == 2:
        return ["all"]
    unit = f" {UNITS[name]}" if UNITS[name] else ""
    words = []
    for low, high in itertools.pairwise(edges):
        if high == edges[-1]:
            words.append(f"> {low:.3g}{unit}")
        elif name == "instances":
            words.append(f"{high:.0f}" if high == low + 1 else f"{low + 1:.0f}-{high:.0f}")
        else:
            words.append(f"{low:.3g}-{high:.3g}{unit}")
    return words


def normalized_map(matched: Matched, buckets: Buckets) -> np.ndarray:
    """Normalized mAP per bucket and threshold, NaN for a bucket without an instance: (B, A).

    Of a bucket count its instances, and the detections that are matched to one of them or to none.
    """
    count = len(buckets.edges) - 1
    bucket_of = np.append(buckets.number, count)  # the last: of a detection that is not matched
    result = np.full((count, len(matched.tiou), len(matched.present)), np.nan)
    hits, counted = matched.hit, matched.counted
    for column, label in enumerate(matched.present):
        in_class = buckets.number[matched.instances.labels == label]
        rows = matched.of_class(label)
        for threshold in range(len(matched.tiou)):
            chosen = counted[threshold, rows]
            hit = hits[threshold, rows][chosen]
            bucket = bucket_of[matched.instance[threshold, rows][chosen]]
            for number in np.unique(in_class[in_class >= 0]):
                positives = int((in_class == number).sum())
                ours = hit[~hit | (bucket == number)]
                result[number, threshold, column] = mean_ap.average_precision(
                    ours, positives, matched.average_positives / positives
                )
    return known_mean(result)


def figures(matched: Matched, found: np.ndarray, scheme: str) -> dict[str, dict]:
    """Sensitivity and false negatives per characteristic and bucket; found: of `precision.found`.

    -> {characteristic: {"scheme", "unit", "buckets": [{"label", "low", "high", "instances",
    "normalized_mAP", "per_tiou", "missed", "missed_per_tiou"}]}}
    """
    result = {}
    for name, buckets in of_instances(matched, scheme).items():
        precision = normalized_map(matched, buckets)
        rows = []
        for number, label in enumerate(labels(name, buckets.edges)):
            inside = buckets.number == number
            missed = 1 - found[:, inside].mean(1) if inside.any() else np.full(len(found), np.nan)
            rows.append(
                {
                    "label": label,
                    "low": buckets.edges[number],
                    "high": buckets.edges[number + 1],
                    "instances": int(inside.sum()),
                    "normalized_mAP": precision[number].mean(),
                    "per_tiou": precision[number],
                    "missed": missed.mean(),
                    "missed_per_tiou": missed,
                }
            )
        result[name] = {"scheme": scheme, "unit": UNITS[name], "buckets": rows}
    return result
