"""Frame-wise ground truth as MS-TCN has it: a text file per video, a class per line and frame.

The layout: data/<data set>/groundTruth of github.com/yabufarha/ms-tcn (CVPR 2019). How many frames a second
has is not in the files: 15 of GTEA and Breakfast, 30 of 50Salads.
"""

import itertools
import re
from pathlib import Path

from ...utils.errors import InputError
from ...utils.progress import log
from .label import Label, Read, by_video, clean, nothing, text_of

SUFFIXES = (".txt",)
KIND = "text"
FRAMES = "15 of GTEA and Breakfast, 30 of 50Salads"
SEPARATOR = re.compile(r"[,;\t]")  # in no class: such a file is a table
# What these data sets call the frames of no action.
BACKGROUND = ("background", "SIL", "action_start", "action_end")
MOST = 10**8  # frames of a video that is written; over a month


def recognise(path: Path, head: str) -> bool:
    """Whether a text has one class per line, and the same one again and again."""
    lines = [line.strip() for line in head.splitlines() if line.strip()]
    words = not any(SEPARATOR.search(line) for line in lines[:-1])
    return len(lines) > 1 and words and any(a == b for a, b in itertools.pairwise(lines))


def read(path: Path, fps: float, tiers: list[str] | None) -> Read:
    """Runs of frames of one class, but for the background's; see `formats.read`.

    Frames i to j of a class are an instance from i / fps to (j + 1) / fps seconds, frames counted from 0.
    """
    classes = [line.strip() for line in text_of(path).splitlines()]
    while classes and not classes[-1]:
        classes.pop()
    result, first = nothing(), 0
    for row, label in enumerate(classes, 1):
        if not label or SEPARATOR.search(label):
            raise InputError(f"{path}: line {row}: {label!r} is not a class; expected one per line and frame")
    if not classes:
        raise InputError(f"{path}: line 1: no frame; expected a class per line")
    result.videos[path.stem] = {"duration": len(classes) / fps}
    for label, run in itertools.groupby(classes):
        last = first + len(list(run))
        if label not in BACKGROUND:
            result.add(path.stem, label, first / fps, last / fps, f"line {first + 1}")
        first = last
    return result


def write(folder: Path, read: Read, fps: float) -> dict[str, str]:
    """A file per video. Raises InputError where a video's length is unknown or instances overlap."""
    texts, runs = {}, 0
    for video, labels in by_video(read).items():
        duration = read.videos[video].get("duration")
        if duration is None:
            raise InputError(f"{video}: its length is unknown, and each of its frames needs a line")
        if duration * fps > MOST:
            raise InputError(
                f"{video}: {duration:g} s at {fps:g} frames a second are over {MOST:g} lines; correct either"
            )
        frames: list[str | None] = [None] * round(duration * fps)
        for label in labels:
            paint(frames, label, fps)
        runs += sum(name is not None for name, _ in itertools.groupby(frames))
        texts[f"{video}.txt"] = "".join(f"{name or BACKGROUND[0]}\n" for name in frames)
    if lost := len(read.labels) - runs:
        log.warning(
            "%s: %d of %d instances are lost: under half a frame, outside their video, or joined to another "
            "of their class that they touch", folder, lost, len(read.labels),
        )  # fmt: skip
    return texts


def paint(frames: list[str | None], label: Label, fps: float) -> None:
    """Give the frames of an instance its class. Raises InputError where one has another already."""
    if SEPARATOR.search(label.label):
        raise InputError(f"{label.video}: class {label.label!r} has a separator in it; rename it")
    if clean(label.label) in BACKGROUND:
        raise InputError(f"{label.video}: class {label.label!r} means no action here; rename or --ignore it")
    for frame in range(max(round(label.start * fps), 0), min(round(label.end * fps), len(frames))):
        if frames[frame] not in (None, label.label):
            both = f"{frames[frame]!r} and {label.label!r} overlap at {frame / fps:g} s"
            raise InputError(f"{label.video}: {both}, but a frame has one class here; write another format")
        frames[frame] = label.label
