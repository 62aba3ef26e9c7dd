"""How far starts and ends of matched detections are off, and how long detections and instances are."""

import numpy as np

from .buckets import Buckets, labels
from .matching import Matched
from .summaries import quantiles

BINS = 24  # of a histogram of lengths, of equal width in their logarithm


def errors(matched: Matched, snippet_s: float | None) -> list[dict]:
    """Signed errors of starts and ends, detection minus instance, of the matched detections per threshold.

    A start's over 0 is late. In seconds and, with the seconds from a snippet to the next, in snippets.
    """
    rows = []
    for threshold, instance in zip(matched.tiou, matched.instance, strict=True):
        hit = instance >= 0
        off = matched.detections.times[hit] - matched.instances.times[instance[hit]]
        row = {"tiou": threshold, "matched": int(hit.sum())}
        for column, end in enumerate(("start", "end")):
            row[f"{end}_s"] = quantiles(off[:, column])
            row[f"{end}_snippets"] = quantiles(off[:, column] / snippet_s) if snippet_s else None
        rows.append(row)
    return rows


def lengths(matched: Matched, buckets: Buckets) -> dict:
    """Lengths of instances, of the best detections (as many per class as instances), and of matched ones.

    Matched: at the lowest threshold. buckets: of the length. "ratio": of a detection to its instance.
    """
    best = matched.best(1)
    instance = matched.instance[0]
    hit = instance >= 0
    of_instances = length(matched.instances.times)
    of_detections = length(matched.detections.times)
    partner = of_instances[instance[hit]]
    positive = of_detections[best & (of_detections > 0)]
    edges = edges_of(np.concatenate([of_instances, positive]))
    rows = []
    for number, label in enumerate(labels("length", buckets.edges)):
        inside = buckets.number[instance[hit]] == number
        rows.append(
            {
                "label": label,
                "low_s": buckets.edges[number],
                "high_s": buckets.edges[number + 1],
                "matched": int(inside.sum()),
                "instance_s": quantiles(partner[inside]),
                "detection_s": quantiles(of_detections[hit][inside]),
            }
        )
    return {
        "edges_s": edges,
        "instances": np.histogram(of_instances, edges)[0],
        "detections": np.histogram(positive, edges)[0],
        "matched": np.histogram(of_detections[hit], edges)[0],
        "instance_s": quantiles(of_instances),
        "detection_s": quantiles(of_detections[best]),
        "ratio": quantiles(of_detections[hit] / partner),
        "buckets": rows,
    }


def length(times: np.ndarray) -> np.ndarray:
    """The lengths of segments (N, 2), in seconds: (N,)."""
    return times[:, 1] - times[:, 0]


def edges_of(values: np.ndarray) -> np.ndarray:
    """Edges of the bins of a histogram of lengths over 0."""
    low, high = values.min(), values.max()
    if low == high:
        low, high = low / 2, high * 2
    edges = np.geomspace(low, high, BINS + 1)
    edges[[0, -1]] = low, high  # as they are
    return edges
