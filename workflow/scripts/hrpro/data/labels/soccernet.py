"""SoccerNet's Labels-v2.json, one per game; points, in milliseconds from the start of a half.

The format: soccer-net.org, Action Spotting. Each half is a film of its own, <game>/1_224p.mkv and
<game>/2_224p.mkv: the videos are called "<game> 1" and "<game> 2", by the game's folder.
"""

import re
from pathlib import Path

from ...utils.errors import InputError
from ...utils.names import class_of
from .label import Fault, Read, json_of, nothing, time_of

NAME = "Labels-v2.json"
SUFFIXES = (NAME,)
KIND = "json"
POINTS = True


def recognise(path: Path, content) -> bool:
    """Whether a JSON value is a game's."""
    rows = content.get("annotations") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        return False
    return "UrlLocal" in content or any(isinstance(row, dict) and "gameTime" in row for row in rows)


def read(path: Path, fps: float | None, tiers: list[str] | None) -> Read:
    """The events, those unseen on the film too, as the field has it; see `formats.read`."""
    content, result = json_of(path), nothing()
    if not recognise(path, content):
        raise InputError(f'{path}: no "annotations" with "gameTime"; expected SoccerNet\'s {NAME}')
    game = path.resolve().parent.name
    result.videos.update({f"{game} {half}": {} for half in (1, 2)})
    for row, event in enumerate(content["annotations"], 1):
        at = f"annotation {row}"
        event = event if isinstance(event, dict) else {}
        half = re.match(r"\s*([12])\s*-", str(event.get("gameTime")))
        video = f"{game} {half[1]}" if half else ""
        with result.noting(video, at):
            if not half:
                raise Fault(f"gameTime {event.get('gameTime')!r}", 'expected the half first, as "1 - 12:30"')
            seconds = time_of(event.get("position"), "position", "milliseconds") / 1000
            result.add(video, class_of(event.get("label")) or "", seconds, None, at)
    return result
