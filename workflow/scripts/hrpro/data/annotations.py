"""Annotations of videos: reading and checking ActivityNet-style files; times in seconds.

database: {video: {"subset", "duration" s, "fps", "annotations": [{"label", "segment": [start s, end s]}]}}.
"""

import math
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..config import Annotations
from ..detection.segments import Segments, segments
from ..utils import files
from ..utils.errors import InputError
from ..utils.progress import log

DEFAULTS = ("gt_full.json", "annotations.json")


def file_of(root, settings: Annotations) -> Path:
    """A data set's annotation file, whether it exists or not."""
    if settings.file:
        return Path(root) / settings.file
    candidates = [Path(root) / name for name in DEFAULTS]
    return next((path for path in candidates if path.is_file()), candidates[0])


def read_database(path) -> dict[str, dict]:
    """The database of an annotation file, each annotation checked.

    A segment ends after it starts or, in a video of which "truth": "points" says that only points are
    known, not before. Raises InputError.
    """
    content = files.read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("database"), dict):
        raise InputError(f'{path}: no "database" object; expected {{"database": {{video: {{...}}}}}}')
    for video, entry in content["database"].items():
        if not isinstance(entry, dict) or not isinstance(entry.get("annotations"), list):
            raise InputError(f'{path}: {video}: no "annotations" list; add one, empty for no action')
        by_points = entry.get("truth") == "points"
        for row, annotation in enumerate(entry["annotations"], 1):
            check_annotation(f"{path}: {video}: annotation {row}", annotation, by_points)
    return content["database"]


def check_annotation(place: str, annotation, may_be_empty: bool) -> None:
    """Raise InputError if an annotation has no label or no segment that ends after it starts.

    may_be_empty: whether it may end where it starts, as an instance of which only a point is known.
    """
    if not isinstance(annotation, dict) or not isinstance(annotation.get("label"), str):
        raise InputError(f'{place}: no "label"; expected the name of a class')
    segment = annotation.get("segment")
    if not isinstance(segment, list) or len(segment) != 2 or not all(map(is_number, segment)):
        raise InputError(f'{place}: "segment" is {segment!r}; expected [start, end] in seconds')
    start, end = segment
    if end < start or (end == start and not may_be_empty):
        raise InputError(f"{place}: the segment {segment} ends before it starts; swap or remove it")


def is_number(value) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number(entry: dict, key: str, place: str) -> float:
    """A video's positive number, such as its duration in seconds. Raises InputError if it is not one."""
    value = entry.get(key)
    if not is_number(value) or value <= 0:
        raise InputError(f'{place}: "{key}" is {value!r}; expected a number over 0')
    return float(value)


def class_names(database: dict) -> list[str]:
    """The classes that the annotations name, sorted."""
    return sorted({a["label"] for entry in database.values() for a in entry["annotations"]})


def instances(entry: dict, classes: list[str]) -> Segments:
    """The annotated instances of a video, in seconds, as Segments of score 0."""
    annotations = entry["annotations"]
    return segments([a["segment"] for a in annotations], [classes.index(a["label"]) for a in annotations])


def of_split(database: dict, split: str) -> dict:
    """The entries of the videos of a split."""
    return {video: entry for video, entry in database.items() if entry["subset"] == split}


def read_ambiguous(path) -> dict[str, list[list[float]]]:
    """THUMOS14's ambiguous segments, "video start end" per line -> {video: [[start s, end s]]}."""
    ambiguous = {}
    for row, line in enumerate(files.read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            video, *segment = re.split(r"[\s,;]+", line.strip(" \t,;"))
            start, end = map(float, segment)
        except ValueError:
            raise InputError(f"{path}: line {row}: {line!r}; expected: video start end") from None
        if not 0 <= start < end < math.inf:
            raise InputError(
                f"{path}: line {row}: {video}: {start:g} to {end:g} s is not a segment; correct it"
            )
        ambiguous.setdefault(video, []).append([start, end])
    return ambiguous


def require_truth(database: dict, place: str) -> None:
    """Raise InputError if no test video has an instance; the message begins with `place`."""
    if not any(entry["annotations"] for entry in of_split(database, "test").values()):
        raise InputError(
            f"{place}: no test video has an annotation, so there is nothing to score; add annotated test "
            "videos, hold training videos back (docs/data.md, Copies), or ask for predictions alone"
        )


def require_durations(database: dict, place) -> None:
    """Raise InputError if the duration of a video is unknown; the message begins with `place`."""
    for video, entry in database.items():
        if entry["duration"] is None:
            raise InputError(
                f"{place}: nothing about training video {video}, which has points, so its length is unknown; "
                "add an entry with its duration, or give its features with --features FILE"
            )


def warn_of_segments(database: dict) -> None:
    """Warn of segments past the end of their video."""
    for video, entry in database.items():
        late = max((a["segment"][1] for a in entry["annotations"]), default=0) - entry["duration"]
        if late > 0:
            log.warning("%s: a segment ends %.2f s past the end of the video", video, late)


class Truth(NamedTuple):
    """The ground truth of an evaluation.

    instances: those of each video, of score 0; ambiguous: {video: (K, 2) seconds}, where there are any;
    classes: names, which the instances' labels count.
    """

    instances: dict[str, Segments]
    ambiguous: dict[str, np.ndarray]
    classes: list[str]


def test_truth(path, subset: str | None, exclude: list[str], classes: list[str] | None = None) -> Truth:
    """The ground truth of a subset of an annotation file (None: of every video), some videos excluded.

    classes: all that the file names, sorted, if None. Raises InputError if the subset has no video, or a
    class that `classes` lack.
    """
    database = read_database(path)
    if absent := sorted(set(exclude) - database.keys()):
        log.warning("%s: has none of the excluded videos %s; correct their names", path, ", ".join(absent))
    classes = classes or class_names(database)
    entries = {v: e for v, e in database.items() if subset in (None, e.get("subset")) and v not in exclude}
    if not entries:
        subsets = sorted({str(entry.get("subset")) for entry in database.values()})
        raise InputError(f"{path}: no video of subset {subset!r} is left; the file has {', '.join(subsets)}")
    unknown = set(class_names(entries)) - set(classes)
    if unknown:
        raise InputError(f"{path}: class {min(unknown)!r} is unknown to the model")
    return Truth(
        instances={video: instances(entry, classes) for video, entry in entries.items()},
        ambiguous={v: np.array(e["ambiguous"]) for v, e in database.items() if e.get("ambiguous")},
        classes=classes,
    )
