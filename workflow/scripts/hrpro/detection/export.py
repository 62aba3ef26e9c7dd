"""Detections in the format that a file's suffix names: .json, .csv, or WebVTT to play beside a video."""

import csv
import html
import io
import os
from collections.abc import Collection
from pathlib import Path

import numpy as np

from ..utils import files
from ..utils.errors import InputError
from . import results
from .segments import Segments

FOLDER = "/"  # the format of a folder with a .vtt a video
FORMATS = (".json", ".csv", ".vtt", FOLDER)


def format_of(output: str, videos: Collection[str]) -> str:
    """The one of FORMATS in which the detections on some videos go to `output`.

    A folder is one that is there, or ends in a slash. Raises InputError where `output` names no format,
    one that cannot hold the videos, or a place that cannot be written to.
    """
    path = Path(output)
    chosen = FOLDER if output.endswith("/") or path.is_dir() else path.suffix
    if chosen not in FORMATS:
        raise InputError(f"{output}: no format of that name; wanted .json, .csv, .vtt or a folder: {output}/")
    if chosen == ".vtt" and len(videos) > 1:
        raise InputError(
            f"{output}: one video a .vtt, but there are {len(videos)}; name a folder: {path.with_suffix('')}/"
        )
    for video in videos if chosen == FOLDER else ():
        if Path(video).name != video:
            raise InputError(f"{output}: a video's name, {video!r}, is none for a file; write .json or .csv")
    folder = (path if chosen == FOLDER else path.parent).absolute()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise InputError(f"{output}: {there} is no folder that may be written to; name another place")
    return chosen


def write(output: str, videos: dict[str, Segments], classes: list[str], least_score: float) -> None:
    """Write the detections on all videos; least_score: under which a .vtt shows none."""
    chosen = format_of(output, videos)
    if chosen == ".json":
        results.write(output, videos, classes)
    elif chosen == ".csv":
        files.write_text(output, as_csv(videos, classes))
    else:
        for video, found in videos.items():
            path = Path(output) / f"{video}.vtt" if chosen == FOLDER else output
            files.write_text(path, as_vtt(found.take(found.scores >= least_score), classes))


def as_csv(videos: dict[str, Segments], classes: list[str]) -> str:
    """A row a detection: video, start and end in seconds, class, score."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["video", "start", "end", "class", "score"])
    for video, found in videos.items():
        columns = (found.times.tolist(), found.labels.tolist(), found.scores.tolist())
        for (start, end), label, score in zip(*columns, strict=True):
            writer.writerow([video, start, end, classes[label], score])
    return text.getvalue()


def as_vtt(found: Segments, classes: list[str]) -> str:
    """The detections on a video as cues of WebVTT, by their start: class and score, while it lasts.

    A cue is a millisecond at least; what lies before the video's start is cut off.
    """
    times = np.rint(1000 * found.times).clip(0).astype(int)
    cues = ["WEBVTT"]
    for i in np.lexsort((times[:, 1], times[:, 0])):
        start, end = times[i]
        if end > start:
            name = " ".join(html.escape(classes[found.labels[i]], quote=False).split())
            cues.append(f"{clock(start)} --> {clock(end)}\n{name} {found.scores[i]:.2f}")
    return "\n\n".join(cues) + "\n"


def clock(milliseconds: int) -> str:
    """hours:minutes:seconds.milliseconds."""
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{milliseconds:03}"
