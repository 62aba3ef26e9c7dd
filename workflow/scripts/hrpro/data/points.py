"""Points, one labelled moment an action: read from a file, or drawn from the segments of actions."""

import csv
import hashlib
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from ..config import Points
from ..utils import files
from ..utils.errors import InputError

DEFAULTS = ("point_labels/point_gaussian.csv", "points.csv")
# Deviation of a gaussian point from the middle of its segment, in seconds: SF-Net's (docs/data.md).
SIGMA = 1.0


class Format(NamedTuple):
    """The columns of a point file, in the order in which they are named, and which of them is which."""

    columns: tuple[str, str, str]
    label: str
    video: str
    time: str
    unit: str


HRPRO = Format(("class", "video_id", "point"), "class", "video_id", "point", "frame")
PLAIN = Format(("video", "seconds", "class"), "class", "video", "seconds", "second")


class Row(NamedTuple):
    """A point as its file has it; time: a frame at the video's own fps, or seconds."""

    line: int
    video: str
    label: str
    time: float


class PointFile(NamedTuple):
    """What a point file holds; in_frames: whether its times are frames."""

    path: Path
    in_frames: bool
    rows: list[Row]

    def videos(self) -> list[str]:
        """The videos that have points, in the file's order."""
        return list(dict.fromkeys(row.video for row in self.rows))


def file_of(root, chosen: Points) -> Path | None:
    """The file of a data set's points, there or not; None where they are drawn."""
    if chosen.source:
        return None
    if chosen.file:
        return Path(root) / chosen.file
    candidates = [Path(root) / name for name in DEFAULTS]
    return next((path for path in candidates if path.is_file()), candidates[0])


def read(path) -> PointFile:
    """The points of a CSV file: HR-Pro's (class, video_id, point) or a plain one (video, seconds, class).

    Other columns are passed over. Raises InputError where a column or a cell is missing, where a row
    has more cells than columns, and on a time that is no number.
    """
    lines = files.read_text(path).splitlines()
    reader = csv.DictReader(lines, strict=True, skipinitialspace=True)
    try:
        columns = [(column or "").strip() for column in reader.fieldnames or ()]
        reader.fieldnames = columns
        form = format_of(path, columns, lines[0] if lines else "")
        found = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: {error}; correct the quotes") from None
    rows = []
    for line, row in found:
        if None in (row[column] for column in form.columns):
            raise InputError(f"{path}: line {line}: too few cells; wanted {', '.join(columns)}")
        if None in row:
            raise InputError(f"{path}: line {line}: too many cells; wanted {', '.join(columns)}")
        video, label = row[form.video].strip(), row[form.label].strip()
        if not video or not label:
            empty = form.label if video else form.video
            raise InputError(f"{path}: line {line}: the cell of {empty!r} is empty; fill it in")
        rows.append(Row(line, video, label, number(f"{path}: line {line}: {video}", form, row[form.time])))
    return PointFile(Path(path), form is HRPRO, rows)


def format_of(path, columns: list[str], header: str) -> Format:
    """The format that has the columns. Raises InputError where one is missing, of the nearest format."""
    absent = {form: [name for name in form.columns if name not in columns] for form in (HRPRO, PLAIN)}
    form = min(absent, key=lambda form: len(absent[form]))
    if not absent[form]:
        return form
    parted = next((mark for mark in ";\t" if mark in header), None)
    if parted:
        raise InputError(f"{path}: line 1: cells are parted by {parted!r}; wanted commas")
    other = PLAIN if form is HRPRO else HRPRO
    raise InputError(
        f"{path}: line 1: no column {absent[form][0]!r}; wanted {', '.join(form.columns)} "
        f"or {', '.join(other.columns)}"
    )


def number(place: str, form: Format, cell: str) -> float:
    """The time in a cell; InputError where it is no number."""
    try:
        return float(cell)
    except ValueError:
        example = "; decimals after a point, 83.5" if form is PLAIN else ""
        raise InputError(
            f"{place}: {form.time} {cell!r} is no number; wanted a {form.unit}'s{example}"
        ) from None


def draw(database: dict, videos: list[str], chosen: Points) -> dict[str, list[dict]]:
    """A point an instance, drawn from its segment: {video: [{"label", "seconds"}]} in time order.

    database: as in an annotations.json. A video's draws depend on the seed, its name and its own
    instances alone. An instance past the end of its video gets no point.
    """
    points = {}
    for video in videos:
        name = int.from_bytes(hashlib.sha256(video.encode()).digest()[:8], "big")
        rng = np.random.default_rng([chosen.seed, name])
        duration = database[video]["duration"]
        drawn = [
            {"label": a["label"], "seconds": moment(a["segment"], duration, chosen.distribution, rng)}
            for a in database[video]["annotations"]
            if a["segment"][1] > 0 and a["segment"][0] < duration
        ]
        points[video] = sorted(drawn, key=lambda p: p["seconds"])
    return points


def moment(segment: list[float], duration: float, distribution: str, rng: np.random.Generator) -> float:
    """A moment, in seconds, drawn from the part of a segment that lies in the video.

    distribution: "uniform"; "centre", the middle; "gaussian", around the middle with deviation SIGMA and
    cut at the part's ends, so that none is heaped up there.
    """
    start, end = max(segment[0], 0), min(segment[1], duration)
    if distribution == "uniform":
        return rng.uniform(start, end)
    middle = (start + end) / 2
    if distribution == "centre":
        return middle
    normal = NormalDist(middle, SIGMA)
    share = rng.uniform(normal.cdf(start), normal.cdf(end))
    return min(max(normal.inv_cdf(max(share, np.finfo(float).tiny)), start), end)
