"""Detections in the format that a file's suffix names: .json, .csv, or WebVTT to play beside a video."""

import csv
import html
import os
from collections.abc import Collection
from pathlib import Path
from typing import TextIO

import numpy as np

from ..utils import files
from ..utils.errors import InputError
from . import results
from .segments import Segments

SHOWN = 0.1  # the least score in a .vtt, where none is said
FOLDER = "/"  # the format of a folder with one .vtt per video
FORMATS = (".json", ".csv", ".vtt", FOLDER)


def format_of(output: str, videos: Collection[str]) -> str:
    """The one of FORMATS in which the detections on some videos go to `output`.

    A folder is one that exists, or ends in a slash. Raises InputError where `output` names no format,
    one that cannot hold the videos, or a place that cannot be written to.
    """
    if not output:
        raise InputError("an output is called ''; expected the name of a file or a folder")
    path = Path(output)
    form = FOLDER if output.endswith("/") or path.is_dir() else path.suffix
    if form not in FORMATS:
        raise InputError(
            f"{output}: no format of that name; expected .json, .csv, .vtt or a folder: {output}/"
        )
    if form == ".vtt" and len(videos) > 1:
        raise InputError(
            f"{output}: a .vtt holds one video, but there are {len(videos)}; "
            f"name a folder: {path.with_suffix('')}/"
        )
    if form == FOLDER:
        for video in videos:
            if Path(video).name != video:
                raise InputError(
                    f"{output}: the video's name {video!r} cannot be a file's; write .json or .csv"
                )
    folder = (path if form == FOLDER else path.parent).absolute()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise InputError(f"{output}: {existing} is not a folder that can be written to; name another place")
    return form


def write(
    output: str,
    videos: dict[str, Segments],
    classes: list[str],
    least_score: float | None,
    *,
    score: str = "score",
) -> None:
    """Write the detections on all videos from `least_score` on; None: from SHOWN on in a .vtt, else all.

    score: what a .csv calls them.
    """
    form = format_of(output, videos)
    if least_score is None and form not in (".json", ".csv"):
        least_score = SHOWN
    if least_score is not None:
        videos = {video: found.take(found.scores >= least_score) for video, found in videos.items()}
    if form == ".json":
        results.write(output, videos.items(), classes)
    elif form == ".csv":
        with files.atomic(output) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            write_csv(file, videos, classes, score)
    else:
        with files.together():
            for video, detections in videos.items():
                path = Path(output) / f"{video}.vtt" if form == FOLDER else output
                files.write_text(path, as_vtt(detections, classes))


def write_csv(file: TextIO, videos: dict[str, Segments], classes: list[str], score: str = "score") -> None:
    """One row per detection: video, start and end in seconds, class, score.

    By csv and not by pandas, which writes the same bytes in 1.25 times the time (31,587 detections: 74 ms,
    not 60) and would have to come into the environment of the networks for this alone.
    """
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["video", "start", "end", "class", score])
    for video, detections in videos.items():
        columns = (detections.times.tolist(), detections.labels.tolist(), detections.scores.tolist())
        for (start, end), label, value in zip(*columns, strict=True):
            writer.writerow([as_cell(video), start, end, as_cell(classes[label]), value])


def as_cell(name: str) -> str:
    """A name as a spreadsheet takes it for text: one that would be a formula gets an apostrophe before it."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name


def as_vtt(detections: Segments, classes: list[str]) -> str:
    """The detections on a video as cues of WebVTT, by their start: class and score, while it lasts.

    A cue lasts a millisecond at least; what lies before the video's start is cut off.
    """
    times = np.rint(1000 * detections.times).clip(0).astype(int)
    cues = ["WEBVTT"]
    for i in np.lexsort((times[:, 1], times[:, 0])):
        start, end = times[i]
        if end > start:
            name = " ".join(html.escape(classes[detections.labels[i]], quote=False).split())
            cues.append(f"{clock(start)} --> {clock(end)}\n{name} {detections.scores[i]:.2f}")
    return "\n\n".join(cues) + "\n"


def clock(milliseconds: int) -> str:
    """hours:minutes:seconds.milliseconds."""
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{milliseconds:03}"
