"""EPIC-KITCHENS' CSV files, a row per action, times as HH:MM:SS.ss.

The layout: EPIC_100_{train,validation}.csv of github.com/epic-kitchens/epic-kitchens-100-annotations, README.
"""

import re
from pathlib import Path

from ...utils.errors import InputError
from .label import Fault, Read, nothing, shortened
from .tables import header_of, rows_of

SUFFIXES = (".csv",)
KIND = "text"
TIERS = "columns"
START, STOP = "start_timestamp", "stop_timestamp"
KINDS = ["verb"]  # the columns of the classes, unless the entry names them


def recognise(path: Path, head: str) -> bool:
    """Whether the first line has EPIC-KITCHENS' columns."""
    return {"video_id", START, STOP} <= header_of(head)


def read(path: Path, fps: float | None, tiers: list[str] | None) -> Read:
    """The actions, by verb or as `tiers` say; the name of the file says the subset; see `formats.read`."""
    columns = tiers or KINDS
    subset = re.search(r"_(train|validation|test)", path.stem)
    result, rows = nothing(), rows_of(path, "video_id", START, STOP)
    if rows and (unknown := sorted(set(columns) - rows[0][1].keys())):
        raise InputError(f"{path}: line 1: no column {unknown[0]!r}; `tiers` may be verb, noun or both")
    for line, row in rows:
        video, at = row["video_id"], f"line {line}"
        with result.noting(video, at):
            if not video:
                raise Fault("no video_id", "fill it in")
            start, stop = seconds_of(row[START]), seconds_of(row[STOP])
            for column in columns:
                result.add(video, row[column], start, stop, at)
            if subset:
                result.videos[video]["subset"] = subset[1]
    return result


def seconds_of(timestamp: str) -> float:
    """HH:MM:SS.ss in seconds. Raises Fault."""
    parts = re.fullmatch(r"(\d{1,4}):([0-5]\d):([0-5]\d(?:\.\d+)?)", timestamp, flags=re.ASCII)
    if not parts:
        raise Fault(f"the time {shortened(timestamp)}", "expected HH:MM:SS.ss")
    hours, minutes, seconds = parts.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
