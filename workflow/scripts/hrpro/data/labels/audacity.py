"""Audacity's label tracks: a text file per recording, lines of start, end and label between tabs, in seconds.

The format: manual.audacityteam.org, Importing and Exporting Labels. Lines that begin with a backslash are the
frequencies of the label before them.
"""

import re
from pathlib import Path

from .label import Fault, Read, by_video, nothing, text_of, time_of

SUFFIXES = (".txt",)
KIND = "text"
POINTS = True


def recognise(path: Path, head: str) -> bool:
    """Whether a text begins with two times between tabs."""
    line = next((line for line in head.splitlines() if line.strip()), "")
    return re.match(r"\s*[-+.,\deE]+\t[-+.,\deE]+(\t|$)", line) is not None


def read(path: Path, fps: float | None, tiers: list[str] | None) -> Read:
    """The labels; one that ends where it starts is a point; see `formats.read`."""
    result = nothing()
    result.videos[path.stem] = {}
    for row, line in enumerate(text_of(path).splitlines(), 1):
        if not line.strip() or line.startswith("\\"):
            continue
        with result.noting(path.stem, f"line {row}"):
            start, end, *label = line.split("\t", 2)[:3] if line.count("\t") else (line, "")
            times = [time_of(time.strip(), what) for time, what in ((start, "start"), (end, "end"))]
            if not label:
                raise Fault("no class", "expected start, end and class between tabs")
            start, end = times
            result.add(path.stem, label[0], start, None if end == start else end, f"line {row}")
    return result


def write(folder: Path, read: Read, fps: float | None) -> dict[str, str]:
    """A file per video; times to a microsecond, as Audacity writes them."""
    return {
        f"{video}.txt": "".join(
            f"{label.start:.6f}\t{label.start if label.end is None else label.end:.6f}\t{label.label}\n"
            for label in labels
        )
        for video, labels in by_video(read).items()
    }
