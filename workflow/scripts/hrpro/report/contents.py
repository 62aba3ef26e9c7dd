"""What a report knows of a data set: its videos with their true segments and points, and their films."""

import os
import urllib.parse
from collections.abc import Container
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import config
from ..data import annotations
from ..data.instances import are_timed
from ..detection.segments import Segments
from ..proposals import ranking
from ..utils.errors import InputError
from ..utils.progress import log
from ..video import folders


class Video(NamedTuple):
    """A video; truth: its instances, None where nobody knows them.

    duration: seconds; points: (seconds, class); ambiguous: (K, 2) seconds that count neither way.
    """

    name: str
    duration: float
    truth: Segments | None
    points: list[tuple[float, int]]
    ambiguous: np.ndarray


class Data(NamedTuple):
    """A data set; classes: what labels of segments count; films: {video: address as seen from the page}."""

    name: str
    classes: list[str]
    seeds: list[int]
    train: list[Video]
    test: list[Video]
    films: dict[str, str]


def videos_of(
    database: dict, classes: list[str], points: dict, leave_out: Container[str] = ()
) -> list[Video]:
    """The videos of a split by its annotations and points ({video: [{"label", "seconds"}]}), by name.

    Points without times are none.
    """
    timed, videos = are_timed(points), []
    for name, entry in sorted(database.items()):
        if name in leave_out:
            continue
        marked = points.get(name, [])
        # a video with points and no segment is one that nobody annotated
        known = bool(entry["annotations"] or not marked)
        videos.append(
            Video(
                name=name,
                duration=entry["duration"],
                truth=annotations.instances(entry, classes) if known else None,
                points=ranking.number_labels(marked, classes) if timed else [],
                ambiguous=np.array(entry.get("ambiguous") or []).reshape(-1, 2),
            )
        )
    return videos


def truth_of(videos: list[Video]) -> dict[str, Segments]:
    """The instances of the videos of which they are known."""
    return {video.name: video.truth for video in videos if video.truth is not None}


def durations_of(videos: list[Video]) -> dict[str, float]:
    """The lengths of videos, in seconds."""
    return {video.name: video.duration for video in videos}


def films(folder: str, names: config.VideoNames, page) -> dict[str, str]:
    """The addresses of the films in a folder as seen from a page: {video: relative URL}.

    None, with a warning, where the folder has none: the report does without. folder: "" for none.
    """
    if not folder:
        return {}
    try:
        paths = folders.find(folder, names)
    except InputError as error:
        log.warning("%s; the report plays no videos", error)
        return {}
    start = Path(page).absolute().parent
    return {
        video: urllib.parse.quote(Path(os.path.relpath(path.absolute(), start)).as_posix())
        for video, path in paths.items()
    }
