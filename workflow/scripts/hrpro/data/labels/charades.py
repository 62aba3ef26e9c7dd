"""Charades's CSV files, a row per video with all its actions, "c092 11.90 21.20;c147 0.00 12.60" in seconds.

The layout: Charades_v1_{train,test}.csv of prior.allenai.org/projects/charades, README. Classes are codes.
"""

import re
from pathlib import Path

from .label import Fault, Read, nothing, time_of, to_number
from .tables import header_of, rows_of

SUFFIXES = (".csv",)
KIND = "text"


def recognise(path: Path, head: str) -> bool:
    """Whether the first line has Charades's columns."""
    return {"id", "actions", "length", "scene"} <= header_of(head)


def read(path: Path, fps: float | None, tiers: list[str] | None) -> Read:
    """The actions; the name of the file says the subset; see `formats.read`."""
    subset = re.search(r"(?:^|_)(train|test)(?:_|$)", path.stem)
    result = nothing()
    for line, row in rows_of(path, "id", "actions"):
        video, at = row["id"], f"line {line}"
        about = {"subset": subset[1]} if subset else {}
        if length := to_number(row.get("length")):
            about["duration"] = float(length)
        if not video:
            with result.noting("", at):
                raise Fault("no id", "expected the video's")
            continue
        result.videos[video] = about
        for action in filter(None, map(str.strip, row["actions"].split(";"))):
            with result.noting(video, at):
                words = action.split()
                if len(words) != 3:
                    raise Fault(f"the action {action!r}", "expected: class start end, and ; between actions")
                start, end = (time_of(word) for word in words[1:])
                result.add(video, words[0], start, end, at)
    return result
