"""Points, one labelled moment per action: read from a file, or drawn from the segments of actions.

A file may also say no times, and so no more than the classes of each video.
"""

import hashlib
import math
import re
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..config import AS_THEY_ARE, Points, VideoNames
from ..utils import files
from ..utils.errors import InputError
from ..utils.names import clean, quoted, shown, unprintable
from ..utils.progress import log
from .annotations import annotation_of, number
from .entries import require_no_setting
from .labels import formats, tables
from .labels.label import Fault, Label, text_of, to_float

DEFAULTS = ("point_labels/point_gaussian.csv", "points.csv")
# Deviation of a gaussian point from the middle of its segment, in seconds: SF-Net's (docs/data.md).
SIGMA = 1.0
AS_THEY_COME = Points()


class Format(NamedTuple):
    """The columns of a point file, in the order in which they are named, and what each of them holds.

    time: None if there are none; unit: of the times, "frame" or "second".
    """

    columns: tuple[str, ...]
    label: str
    video: str
    time: str | None = None
    unit: str = ""


HRPRO = Format(("class", "video_id", "point"), "class", "video_id", "point", "frame")
PLAIN = Format(("video", "seconds", "class"), "class", "video", "seconds", "second")
WITHOUT_TIMES = Format(("video", "class"), "class", "video")
COLUMNS = {*HRPRO.columns, *PLAIN.columns}


def file_of(root, settings: Points) -> Path | None:
    """The file of a data set's points, whether it exists or not; None if they are drawn."""
    if settings.source:
        return None
    if settings.file:
        return Path(root) / settings.file
    candidates = [Path(root) / name for name in DEFAULTS]
    return next((path for path in candidates if files.is_taken(path)), candidates[0])


class Rows(NamedTuple):
    """The rows of a point file.

    points: a row per point: video, label, at (its place in the file), and frame (at the video's own fps) or
    seconds, or neither if the file says no times;
    faulty: a row per row that is none: video ("" if it names none), at, what, remedy; headers: the lines on
    which the header stands once more, as in files that are joined.
    """

    points: pd.DataFrame
    faulty: pd.DataFrame
    headers: list[int]


FAULTY = ["video", "at", "what", "remedy"]


def read(path, names: VideoNames = AS_THEY_ARE, settings: Points = AS_THEY_COME) -> Rows:
    """The points of a CSV file, as `read_csv`, or of labels of another tool, as `read_labels` has them."""
    form = formats.of(Path(path), settings)
    if form:
        return read_labels(Path(path), form, names, settings)
    require_no_setting(path, settings)
    return read_csv(path, names)


def read_labels(path: Path, form: str, names: VideoNames, settings: Points) -> Rows:
    """The points of a file or a folder of another tool, and one per instance, where `settings.take` says.

    Draws of a video depend on the seed, its name and its instances alone.
    """
    read = formats.read(path, form, settings)
    good, faulty, rngs = [], [(names.of(f.video), f.at, f.what, f.remedy) for f in read.faulty], {}
    for label in read.labels:
        video = names.of(label.video)
        if video not in rngs:
            rngs[video] = rng_of(video, settings.seed)
        try:
            good.append((video, *point_of(label, settings.take, rngs[video]), label.at))
        except Fault as fault:
            faulty.append((video, label.at, *fault.args))
    return Rows(
        pd.DataFrame(good, columns=["video", "label", "seconds", "at"]).astype({"seconds": float}),
        pd.DataFrame(faulty, columns=FAULTY),
        [],
    )


def point_of(label: Label, take: str, rng: np.random.Generator) -> tuple[str, float]:
    """The class and the seconds of a point, or of the point of an instance. Raises Fault."""
    end = label.start if label.end is None else label.end
    instance = annotation_of({"label": label.label, "segment": [label.start, end]}, may_be_empty=True)
    if label.end is None:
        return instance["label"], label.start
    return instance["label"], moment(instance["segment"], math.inf, distribution=take, rng=rng)


def read_csv(path, names: VideoNames = AS_THEY_ARE) -> Rows:
    """The points of a CSV file: HR-Pro's (class, video_id, point) or a plain one (video, seconds, class).

    Other columns are ignored, and the case of a column's name does not count; of video and class alone, the
    points have no times. Without a header the columns are video, seconds, class, if numbers stand in the
    second of three columns alone. Raises InputError where columns are missing, or quotes are wrong.
    """
    rows = read_cells(path)
    header = column_names(rows.iloc[0].dropna().tolist()) if len(rows) else []
    if are_a_point(header):
        header = list(PLAIN.columns)
    else:
        rows = rows.iloc[1:]
    form = format_of(path, header)
    column = {"video": form.video, "label": form.label} | ({"time": form.time} if form.time else {})
    twice = [name for name in column.values() if header.count(name) > 1]
    if twice:
        raise InputError(f"{path}: column {twice[0]!r} stands twice; remove one")
    position = {name: column for column, name in enumerate(header)}
    cells = pd.DataFrame({name: rows[position[of]].fillna("") for name, of in column.items()})
    is_header = (cells.map(column_name) == [*column.values()]).all(axis="columns")
    rows, cells, headers = rows[~is_header], cells[~is_header].copy(), rows.index[is_header].tolist()
    cells["video"] = cells["video"].map(names.of)
    cells["label"] = cells["label"].map(clean)
    times = cells["time"].str.strip() if form.time else [""] * len(cells)
    short, long = (
        rows[[position[name] for name in form.columns]].isna().any(axis="columns"),
        rows.iloc[:, len(header) :].notna().any(axis="columns"),
    )
    good, faulty = [], []
    for line, video, label, time, few, many in zip(
        rows.index, cells["video"], cells["label"], times, short, long, strict=True
    ):
        count = "few" if few else "many"
        if few or many:
            fault = f"too {count} cells", f"expected {', '.join(header)}"
        elif not (video and label):
            fault = f"the cell of {(form.label if video else form.video)!r} is empty", "fill it in"
        elif unprintable(label):
            fault = f"a control character in the class {shown(label)}", "correct it"
        elif form.time and not is_number(time):
            example = "; decimals after a point, 83.5" if form is PLAIN else ""
            fault = f"{form.time} {time!r} is not a number", f"expected a {form.unit}'s{example}"
        else:
            good.append((video, label, f"line {line}", *([float(time)] if form.time else [])))
            continue
        faulty.append((video, f"line {line}", *fault))
    unit = {HRPRO: ["frame"], PLAIN: ["seconds"], WITHOUT_TIMES: []}[form]
    return Rows(
        pd.DataFrame(good, columns=["video", "label", "at", *unit]),
        pd.DataFrame(faulty, columns=FAULTY),
        headers,
    )


def read_seconds(path, entries: dict[str, object]) -> dict[str, list[tuple[float, str]]]:
    """The points of a points.json, or of a CSV file as `read` has it: {video: [(seconds, class)]}.

    entries: of an annotation file, whose fps the frames of a CSV file need. What is no point, and points of
    videos without an entry, are left out with warnings. Raises InputError where it is no such file.
    """
    if files.read_text(path).lstrip().startswith("{"):
        videos = files.read_json(path, "videos")["videos"]
        try:
            rows = [(v, float(p["seconds"]), str(p["label"])) for v, every in videos.items() for p in every]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f'{path}: expected {{"videos": {{video: [{{"label", "seconds"}}]}}}} ({error!r})'
            ) from None
        faulty = 0
    else:
        points, faulty_rows, _ = read(path)
        if not have_times(points):
            raise InputError(f"{path}: has no times; expected a column `seconds`")
        if are_frames(points):
            rates = {
                video: number(entry, "fps") for video, entry in entries.items() if isinstance(entry, dict)
            }
            points = points.assign(seconds=points["frame"] / points["video"].map(rates).astype(float))
        rows, faulty = zip(points["video"], points["seconds"], points["label"], strict=True), len(faulty_rows)
    result, others = {}, set()
    for video, seconds, label in rows:
        if video not in entries:
            others.add(video)
        elif math.isfinite(seconds):
            result.setdefault(video, []).append((seconds, label))
        else:
            faulty += 1
    if faulty:
        log.warning("%s: left out %d rows that are no points, or frames of videos without fps", path, faulty)
    if others:
        log.warning("%s: left out the points of videos without annotations: %s", path, quoted(sorted(others)))
    return result


def column_names(cells: list[str]) -> list[str]:
    """The names of the columns by the cells of a header, those of a format in lower case."""
    names = [column_name(cell) for cell in cells]
    return [name if name in COLUMNS else clean(cell) for name, cell in zip(names, cells, strict=True)]


def column_name(cell: str) -> str:
    """The name of a column in lower case."""
    return clean(cell).casefold()


def are_frames(points: pd.DataFrame) -> bool:
    """Whether the times of points are frames, and not seconds."""
    return "frame" in points


def have_times(points: pd.DataFrame) -> bool:
    """Whether points have times, in frames or seconds."""
    return "frame" in points or "seconds" in points


def read_cells(path) -> pd.DataFrame:
    """The cells of a CSV file, as `tables.read_cells` has them, without comments before the header."""
    return tables.read_cells(path, without_comments(text_of(Path(path))))


def without_comments(text: str) -> str:
    """A text whose first lines are blank where they begin with #, which is taken from a header alone.

    So is `sep=;`, with which Excel begins.
    """
    lines = text.split("\n")
    for row, line in enumerate(lines):
        if line.strip() and not line.startswith(("#", "sep=")):
            break
        if is_point(line) and not line.startswith("# "):  # of a video whose name begins with #
            break
        cells = column_names(re.split(f"[{tables.SEPARATORS}]", line.lstrip("#")))
        full = any(set(form.columns) <= set(cells) for form in (HRPRO, PLAIN))
        is_header = full or set(cells) == set(WITHOUT_TIMES.columns)
        lines[row] = line.lstrip("#") if is_header else ""
    return "\n".join(lines)


def is_point(line: str) -> bool:
    """Whether a line reads as a point of a table without a header."""
    return any(are_a_point(line.split(separator)) for separator in tables.SEPARATORS)


def are_a_point(cells: list[str]) -> bool:
    """Whether cells can only be video, seconds, class."""
    return [is_number(cell) for cell in cells] == [False, True, False]


def format_of(path, columns: list[str]) -> Format:
    """The format that has the columns. Raises InputError if one is missing, of the nearest format."""
    if sorted(columns) == sorted(WITHOUT_TIMES.columns):
        return WITHOUT_TIMES
    absent = {form: [name for name in form.columns if name not in columns] for form in (HRPRO, PLAIN)}
    form = min(absent, key=lambda form: len(absent[form]))
    if not absent[form]:
        return form
    other = PLAIN if form is HRPRO else HRPRO
    expected = f"expected {', '.join(form.columns)} or {', '.join(other.columns)}"
    if any(map(is_number, columns)):
        raise InputError(
            f"{path}: line 1: no header, and {', '.join(columns)!r} can mean more than one thing; {expected} "
            "as the first line (without one, the columns are video, seconds, class)"
        )
    raise InputError(f"{path}: line 1: no column {absent[form][0]!r} among {quoted(columns)}; {expected}")


def is_number(cell: str) -> bool:
    """Whether a cell holds a number."""
    try:
        to_float(cell)
    except ValueError:
        return False
    return True


def draw(database: dict, videos: list[str], settings: Points) -> dict[str, list[dict]]:
    """A point per instance, drawn from its segment: {video: [{"label", "seconds"}]} in time order.

    database: as in an annotations.json. A video's draws depend on the seed, its name and its instances
    alone. An instance past the end of its video gets no point.
    """
    points = {}
    for video in videos:
        rng = rng_of(video, settings.seed)
        duration = database[video]["duration"] or math.inf  # the features will say it
        drawn = [
            {
                "label": a["label"],
                "seconds": moment(a["segment"], duration, distribution=settings.distribution, rng=rng),
            }
            for a in database[video]["annotations"]
            if a["segment"][1] > 0 and a["segment"][0] < duration
        ]
        points[video] = sorted(drawn, key=lambda p: p["seconds"])
    return points


def rng_of(video: str, seed: int) -> np.random.Generator:
    """What a video's points are drawn with."""
    name = int.from_bytes(hashlib.sha256(video.encode()).digest()[:8], "big")
    return np.random.default_rng([seed, name])


def moment(segment: list[float], duration: float, *, distribution: str, rng: np.random.Generator) -> float:
    """A moment, in seconds, drawn from the part of a segment that lies in the video.

    distribution: "uniform"; "centre", the middle; "start"; "gaussian", around the middle with deviation
    SIGMA, truncated at the part's ends, so that none is heaped up there.
    """
    start, end = max(segment[0], 0), min(segment[1], duration)
    if distribution == "start":
        return start
    if distribution == "uniform":
        return rng.uniform(start, end)
    middle = (start + end) / 2
    if distribution == "centre":
        return middle
    normal = NormalDist(middle, SIGMA)
    share = rng.uniform(normal.cdf(start), normal.cdf(end))
    return min(max(normal.inv_cdf(max(share, np.finfo(float).tiny)), start), end)
