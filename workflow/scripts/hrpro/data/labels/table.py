"""A plain table with a header, of commas, semicolons or tabs; times in seconds.

As spreadsheets, scripts and Praat write it: a TextGrid of Praat's, down to a table, has the columns tmin,
tier, text and tmax (fon.hum.uva.nl/praat/manual/TextGrid__Down_to_Table___.html).
"""

import csv
import io
from pathlib import Path

from ...utils.errors import InputError
from .label import Read, nothing, text_of, time_of, video_of
from .tables import header_of, read_cells, rows_of

SUFFIXES = (".tsv", ".csv", ".txt")
KIND = "text"
TIERS = "tier"
POINTS = True
# Names of columns, in any case, by what they hold.
COLUMNS = {
    "start": ("start", "tmin", "begin", "onset", "start_time", "start (s)", "start_s"),
    "end": ("end", "tmax", "stop", "offset", "end_time", "stop_time", "end (s)", "stop (s)", "end_s"),
    "class": ("class", "label", "text", "action"),
    "video": ("video", "video_id", "file", "filename"),
    "tier": ("tier",),
}
NEEDED = ("start", "end", "class")


def recognise(path: Path, head: str) -> bool:
    """Whether the first line names a start, an end and a class, and no point as hrpro's own files do."""
    header = header_of(head)
    return not header & {"seconds", "point"} and all(header & set(COLUMNS[what]) for what in NEEDED)


def read(path: Path, fps: float | None, tiers: list[str] | None) -> Read:
    """A row per instance or, where its end is empty or its start, per point; see `formats.read`.

    Without a column of videos, the video is called as the file is.
    """
    cells = read_cells(path, text_of(path))
    header = [str(cell).strip() for cell in cells.iloc[0].fillna("")] if len(cells) else []
    names = {what: next((n for n in header if n.lower() in known), None) for what, known in COLUMNS.items()}
    for what in NEEDED:
        if names[what] is None:
            raise InputError(
                f"{path}: line 1: no column of the {what}, such as {COLUMNS[what][0]!r}; add one"
            )
    result = nothing()
    for line, row in rows_of(path, *(names[what] for what in NEEDED)):
        at = f"line {line}"
        video = video_of(row[names["video"]]) if names["video"] else path.stem
        if tiers is not None and row.get(names["tier"] or "") not in tiers:
            continue
        with result.noting(video, at):
            start = time_of(row[names["start"]], names["start"])
            end = time_of(row[names["end"]], names["end"]) if row[names["end"]] else start
            result.add(video, row[names["class"]], start, None if end == start else end, at)
    return result


def write(folder: Path, read: Read, fps: float | None) -> dict[str, str]:
    """One file; videos without a label are not in it."""
    text = io.StringIO()
    rows = csv.writer(text, delimiter="\t", lineterminator="\n")
    rows.writerow(["video", "start", "end", "class"])
    for label in sorted(read.labels, key=lambda lb: (lb.video, lb.start)):
        rows.writerow([label.video, label.start, "" if label.end is None else label.end, label.label])
    return {"labels.tsv": text.getvalue()}
