"""Which video to label next: the one that brings most videos near to a labelled one, by their features.

Facility location (Wei, Iyer and Bilmes, Submodularity in data subset selection and active learning, ICML
2015) on the mean features of videos. docs/labelling.md says why this measure.
"""

import csv
import heapq
import io
from typing import NamedTuple

import numpy as np

from ..detection.export import as_cell

CONSTANT = 1e-9  # standard deviation under which a channel says nothing


class Rank(NamedTuple):
    """A video to label, if those with labels and those of better rank have labels.

    covers: the videos, itself among them, to which it would be the nearest with labels; gain: how much nearer
    that brings the mean video, in standard deviations of the channels; None of the first, without any labels.
    """

    video: str
    gain: float | None
    covers: int


def rank(unlabelled: dict[str, np.ndarray], labelled: dict[str, np.ndarray]) -> list[Rank]:
    """The unlabelled videos in the order of their gains, each next one given those before it.

    Both by their mean features (D,). Takes V^2 numbers of memory, of V videos.
    """
    if not unlabelled:
        return []
    names, count = [*labelled, *unlabelled], len(labelled)
    distance = distances(np.array([*labelled.values(), *unlabelled.values()], dtype=np.float64))
    ranks = []
    if count:
        nearest = distance[:count].min(0)  # of each video, the distance to one that has labels
        left = set(range(count, len(names)))
    else:
        first = int(distance.sum(1).argmin())
        ranks.append(Rank(names[first], None, len(names)))
        nearest = distance[first]
        left = set(range(len(names))) - {first}

    def gain(number: int) -> float:
        return float(np.maximum(nearest - distance[number], 0).mean())

    # gains only fall, so that one that is still the highest when it is worked out anew is the highest of all
    heap = [(-gain(number), number) for number in left]
    heapq.heapify(heap)
    while heap:
        _, number = heapq.heappop(heap)
        now = gain(number)
        if heap and (-now, number) > heap[0]:
            heapq.heappush(heap, (-now, number))
            continue
        nearer = distance[number] < nearest
        ranks.append(Rank(names[number], now, int(nearer.sum())))
        nearest = np.where(nearer, distance[number], nearest)
    return ranks


def as_csv(ranks: list[Rank]) -> str:
    """A row per video: rank, video, gain and covers."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["rank", *Rank._fields])
    for row, (video, gain, covers) in enumerate(ranks, 1):
        writer.writerow([row, as_cell(video), "" if gain is None else f"{gain:.3f}", covers])
    return text.getvalue()


def distances(values: np.ndarray) -> np.ndarray:
    """Between the rows of values (V, D), channels standardized: (V, V) float32, 0 on its diagonal."""
    deviation = values.std(0)
    values = (values - values.mean(0)) / np.where(deviation > CONSTANT, deviation, np.inf)
    squares = (values**2).sum(1)
    squared = squares[:, None] + squares - 2 * values @ values.T
    np.fill_diagonal(squared, 0)
    return np.sqrt(np.maximum(squared, 0)).astype(np.float32)
