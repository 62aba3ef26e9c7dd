"""Scored segments of a video, and their file: the ActivityNet results format."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from . import files
from .errors import InputError

UNKNOWN = -2  # the label of a class that nobody asked for


@dataclass(frozen=True)
class Segments:
    """N segments of one video: proposals, detections or, unlabelled, negatives."""

    times: np.ndarray  # (N, 2) float64, start and end in seconds
    labels: np.ndarray  # (N,) int64, the class number; -1 for none
    scores: np.ndarray  # (N,) float64

    def __len__(self) -> int:
        return len(self.times)

    def take(self, index) -> "Segments":
        """The segments that an index or mask chooses, in its order."""
        return Segments(self.times[index], self.labels[index], self.scores[index])


def segments(times, labels=None, scores=None) -> Segments:
    """Segments from anything array-like; no labels means -1, no scores 0."""
    times = np.asarray(times, dtype=np.float64).reshape(-1, 2)
    labels = np.full(len(times), -1) if labels is None else labels
    scores = np.zeros(len(times)) if scores is None else scores
    return Segments(times, np.asarray(labels, dtype=np.int64), np.asarray(scores, dtype=np.float64))


def join(parts: list[Segments]) -> Segments:
    """Several Segments of one video, one after the other."""
    if not parts:
        return segments([])
    columns = zip(*((part.times, part.labels, part.scores) for part in parts), strict=True)
    return Segments(*(np.concatenate(column) for column in columns))


def tiou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Temporal intersection over union of (N, 2) with (M, 2), or each with its own (N, M, 2), segments.

    -> (N, M), 0 where disjoint.
    """
    start = np.maximum(a[:, None, 0], b[..., 0])
    end = np.minimum(a[:, None, 1], b[..., 1])
    inside = np.maximum(end - start, 0)
    union = (a[:, 1] - a[:, 0])[:, None] + (b[..., 1] - b[..., 0]) - inside
    return np.divide(inside, union, out=np.zeros_like(inside), where=union > 0)


def write(path, videos: Mapping[str, Segments], classes: list[str]) -> None:
    """Write the segments of all videos as {"results": {video: [{segment, label, score}]}}, in seconds.

    A video at a time: as Python's objects, millions of segments would take gigabytes.
    """
    with files.atomic(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write('{"version": "hrpro 1", "results": {')
        for number, (video, found) in enumerate(videos.items()):
            rows = [
                {"segment": [start, end], "label": classes[label] if label >= 0 else None, "score": score}
                for (start, end), label, score in zip(
                    found.times.tolist(), found.labels.tolist(), found.scores.tolist(), strict=True
                )
            ]
            comma = ", " if number else ""
            file.write(f"{comma}{json.dumps(video)}: {json.dumps(rows, allow_nan=False)}")
        file.write('}, "external_data": {}}\n')


@files.no_collection()
def read(path, classes: list[str]) -> dict[str, Segments]:
    """Read a results file; a segment of a class that is not in `classes` is left out.

    Only "results" is needed ("version" and "external_data" may be absent). Raises InputError where
    the file is no results file, or a segment lacks a finite start, end or score.
    """
    content = files.read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("results"), dict):
        raise InputError(f'{path}: no "results" object; wanted {{"results": {{video: [segments]}}}}')
    number = {name: label for label, name in enumerate(classes)} | {None: -1}
    videos = {}
    for video, found in content["results"].items():
        place = f"{path}: {video}"
        try:
            rows = [(*item["segment"], item["score"]) for item in found]
            values = np.array(rows, dtype=np.float64).reshape(len(rows), 3)
            labels = np.array([number.get(item.get("label"), UNKNOWN) for item in found], dtype=np.int64)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f'{place}: wanted a list of {{"segment": [start, end], "label", "score"}} ({error!r})'
            ) from None
        bad = np.flatnonzero(~np.isfinite(values).all(1))
        if len(bad):
            raise InputError(
                f"{place}: detection {bad[0] + 1}: {found[bad[0]]}: NaN, infinite or null; remove it"
            )
        known = labels != UNKNOWN
        videos[video] = Segments(values[known, :2], labels[known], values[known, 2])
    return videos
