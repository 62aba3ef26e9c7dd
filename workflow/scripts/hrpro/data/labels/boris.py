"""BORIS's tables of events, "tabular" and "aggregated", as .tsv or .csv; times in seconds.

Columns by export_events.py and export_observation.py of github.com/olivierfriard/BORIS. Versions up to 7
begin with lines about the observation and call the kind of an event its status.
"""

import re
from pathlib import Path

from .label import Fault, Read, nothing, text_of, time_of, to_number, video_of
from .tables import SEPARATORS, read_cells, rows_of

SUFFIXES = (".tsv", ".csv", ".txt")
KIND = "text"
BEHAVIOR, TIME, KINDS = "Behavior", "Time", ("Behavior type", "Status")
START, STOP = "Start (s)", "Stop (s)"
FILMS = ("Media file name", "Media file path", "Media file", "Source")


def recognise(path: Path, head: str) -> bool:
    """Whether a file is BORIS's, by a header in its beginning."""
    headers = [
        {cell.strip().strip('"') for cell in line.split(separator)}
        for line in head.splitlines()
        for separator in SEPARATORS
        if BEHAVIOR in line
    ]
    return any(
        BEHAVIOR in cells and (START in cells or (TIME in cells and cells & set(KINDS))) for cells in headers
    )


def read(path: Path, fps: float | None, tiers: list[str] | None) -> Read:
    """The point events, and the state events from each START to its STOP; see `formats.read`.

    The video is that of the media file or, where none stands, the observation.
    """
    table = read_cells(path, text_of(path))
    cells = {cell.strip() for cell in table.to_numpy(dtype=object, na_value="").ravel()}
    aggregated = {START, STOP} <= cells
    columns = (BEHAVIOR, START, STOP) if aggregated else (BEHAVIOR, TIME)
    result, begun, films = nothing(), {}, {}
    for line, row in rows_of(path, *columns):
        at = f"line {line}"
        observation = row.get("Observation id", "")
        films_named = (row.get(column, "") for column in FILMS)
        film = next((name for name in films_named if name not in ("", "NA")), "")
        video = video_of(re.sub(r"^player #\d+:", "", film)) or observation or path.stem
        with result.noting(video, at):
            require_one_film(row, films, observation, video)
            behavior, kind = row[BEHAVIOR], kind_of(row)
            if aggregated:
                start = time_of(row[START], START)
                stop = start if kind == "POINT" else time_of(row[STOP], STOP)
                result.add(video, behavior, start, None if stop == start else stop, at)
                continue
            seconds = time_of(row[TIME], TIME)
            actor = (video, observation, row.get("Subject", ""), behavior)
            if kind == "POINT":
                result.add(video, behavior, seconds, None, at)
            elif kind == "START":
                if actor in begun:
                    raise Fault(f"{behavior!r} starts again before it stops", "pair its events in BORIS")
                begun[actor] = (seconds, at)
            elif kind == "STOP":
                if actor not in begun:
                    raise Fault(f"{behavior!r} stops, but has not started", "pair its events in BORIS")
                start, place = begun.pop(actor)
                result.add(video, behavior, start, seconds, place)
            else:
                raise Fault(f"the kind of event {kind!r}", "expected POINT, START or STOP")
    for (video, *_, behavior), (_, at) in begun.items():
        with result.noting(video, at):
            raise Fault(f"{behavior!r} starts, but does not stop", "pair its events in BORIS")
    return result


def kind_of(row: dict[str, str]) -> str:
    """POINT, START, STOP, or STATE in an aggregated table; empty where none is said."""
    return next((row[column].upper() for column in KINDS if row.get(column)), "")


def require_one_film(row: dict[str, str], films: dict[str, str], observation: str, video: str) -> None:
    """Raise Fault where times are not those of one film from its start."""
    if offset := to_number(row.get("Time offset (s)")):
        raise Fault(f"a time offset of {offset:g} s", "set it to 0 in the observation and export it anew")
    if observation and films.setdefault(observation, video) != video:
        raise Fault(
            f"observation {observation!r} has several films, and BORIS counts from the start of the first",
            "observe each film by itself",
        )
