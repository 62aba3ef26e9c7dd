"""MultiTHUMOS and Charades as one JSON file of {video: {"subset", "duration", "actions"}}; times in seconds.

The layout: multithumos.json and charades.json of github.com/piergiaj/super-events-cvpr18, which PDAN, MS-TCT
and others took over; an action is [class, start, end], and classes are numbers.
"""

from pathlib import Path

from ...utils.errors import InputError
from ...utils.names import class_of
from .label import Fault, Read, json_of, nothing, shortened, time_of, to_number

SUFFIXES = (".json",)
KIND = "json"


def recognise(path: Path, content) -> bool:
    """Whether a JSON value is videos with actions."""
    entries = list(content.values()) if isinstance(content, dict) else []
    return bool(entries) and all(isinstance(entry, dict) and "actions" in entry for entry in entries[:10])


def read(path: Path, fps: float | None, tiers: list[str] | None) -> Read:
    """The actions; see `formats.read`."""
    content, result = json_of(path), nothing()
    if not recognise(path, content):
        raise InputError(f'{path}: not {{video: {{"subset", "duration", "actions"}}}}; name the right file')
    for video, entry in content.items():
        entry = entry if isinstance(entry, dict) else {}
        about = {"subset": entry["subset"]} if isinstance(entry.get("subset"), str) else {}
        if duration := to_number(entry.get("duration")):
            about["duration"] = float(duration)
        result.videos[video] = about
        actions = entry.get("actions")
        if not isinstance(actions, list):
            with result.noting(video, "actions"):
                raise Fault(f"{shortened(actions)}", "expected a list, empty for no action")
            continue
        for row, action in enumerate(actions, 1):
            with result.noting(video, f"action {row}"):
                if not isinstance(action, list) or len(action) != 3:
                    raise Fault(shortened(action), "expected [class, start, end]")
                label, *times = action
                start, end = (time_of(time) for time in times)
                result.add(video, class_of(label) or "", start, end, f"action {row}")
    return result
