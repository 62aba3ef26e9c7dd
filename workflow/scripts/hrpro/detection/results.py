"""Files of scored segments, proposals and detections: the ActivityNet results format."""

import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator

import numpy as np

from ..utils import files, json_stream
from ..utils.errors import InputError
from ..utils.names import LARGEST, class_of, clean, quoted, shown
from ..utils.progress import log
from .segments import Segments

UNKNOWN = -2  # the label of a class that nobody asked for


def write(path, videos: Iterable[tuple[str, Segments]], classes: list[str]) -> None:
    """Write the segments of each video as {"results": {video: [{segment, label, score}]}}, in seconds.

    A video at a time, as they come: as Python's objects, millions of segments would take gigabytes.
    """
    with files.atomic(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write('{"version": "hrpro 1", "results": {')
        for number, (video, segments) in enumerate(videos):
            rows = [
                {"segment": [start, end], "label": classes[label] if label >= 0 else None, "score": score}
                for (start, end), label, score in zip(
                    segments.times.tolist(), segments.labels.tolist(), segments.scores.tolist(), strict=True
                )
            ]
            comma = ", " if number else ""
            file.write(f"{comma}{json.dumps(video)}: {json.dumps(rows, allow_nan=False)}")
        file.write('}, "external_data": {}}\n')


def read(path, classes: list[str]) -> dict[str, Segments]:
    """All of a results file at once; see `read_each`."""
    return dict(read_each(path, classes))


def read_each(path, classes: list[str]) -> Iterator[tuple[str, Segments]]:
    """The segments of each video of a results file, in turn, so that a large file takes little memory.

    Segments of classes that are not in `classes` are left out, with a warning. Only "results" is needed
    ("version" and "external_data" may be absent). Raises InputError where the file is not a results file, a
    video stands in it twice, or a segment lacks a finite start, end or score.
    """
    number = {name: label for label, name in enumerate(classes)} | {None: -1}
    others, videos = Counter(), set()

    def label_of(label) -> int:
        if label not in number:
            name = class_of(label)
            number[label] = UNKNOWN if name is None else number.get(name, UNKNOWN)
        return number[label]

    for name, items in json_stream.entries(path, "results"):
        video = clean(name)
        place = f"{path}: {video if video.isprintable() else shown(video)}"
        if video in videos:
            raise InputError(f"{path}: video {shown(video)} stands twice; join the two entries or remove one")
        videos.add(video)
        try:
            if not all(isinstance(item["segment"], list) for item in items):
                raise TypeError("a segment that is no list")
            rows = [(*item["segment"], item["score"]) for item in items]
            values = np.array(rows, dtype=np.float64).reshape(len(rows), 3)
            labels = np.array([label_of(item.get("label")) for item in items], dtype=np.int64)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f'{place}: expected a list of {{"segment": [start, end], "label", "score"}} ({error!r})'
            ) from None
        bad = np.flatnonzero(~(np.isfinite(values).all(1) & (abs(values[:, :2]) < LARGEST).all(1)))
        if len(bad):
            raise InputError(
                f"{place}: detection {bad[0] + 1}: {items[bad[0]]}: NaN, infinite or over {LARGEST:g} s; "
                "remove it"
            )
        known = labels != UNKNOWN
        others.update(str(items[row].get("label")) for row in np.flatnonzero(~known))
        yield video, Segments(values[known, :2], labels[known], values[known, 2])
    if others:
        log.warning(
            "%s: left out %d segments of classes that are not known here: %s; expected, to the letter, %s",
            path, others.total(), quoted(others), quoted(classes),
        )  # fmt: skip


def read_scored(
    path, classes: list[str], videos: Container[str], *, subset: str, exclude: Container[str]
) -> Iterator[tuple[str, Segments]]:
    """What `read_each` reads, some videos excluded; warns of others than the `videos` of the subset."""
    outside = []
    for video, segments in read_each(path, classes):
        if video not in exclude:
            outside.extend([video] if video not in videos else [])
            yield video, segments
    if outside:
        log.warning(
            "%s: %d videos, such as %s, are not of subset %s; their detections count as wrong",
            path, len(outside), shown(outside[0]), subset,
        )  # fmt: skip
