"""Labels from one format to another, hrpro's own among them: what convert_labels.py does."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from ..config import LABEL_FORMATS, Points
from ..utils import files
from ..utils.errors import InputError
from ..utils.names import clean, fault_of, shown, unprintable
from . import annotations, points
from .labels import formats
from .labels.label import Faulty, Label, Read, nothing

ACTIVITYNET, CSV = "activitynet", "csv"
WRITTEN = (ACTIVITYNET, CSV, *(name for name in LABEL_FORMATS if hasattr(formats.FORMATS[name], "write")))


def read(path: Path, settings: Points) -> tuple[str, Read]:
    """The format and the labels of a file or folder, hrpro's own two formats included.

    Raises InputError where nothing is there, and on anything in it that is no label.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    form = formats.of(path, settings)
    if form:
        if not hasattr(formats.FORMATS[form], "FRAMES"):
            settings = settings.model_copy(update={"fps": None})  # it is of what is written
        labels = formats.read(path, form, settings)
    elif settings.tiers is not None:
        raise InputError(f"{path}: a file without tiers; leave --tiers out")
    elif files.read_text(path).lstrip().startswith("{"):
        form, labels = ACTIVITYNET, of_activitynet(path)
    else:
        form, labels = CSV, of_csv(path, settings.fps)
    formats.stop(path, labels.faulty)
    require_names(path, labels)
    ignored = {clean(name) for name in settings.ignore}
    return form, labels._replace(labels=[lb for lb in labels.labels if clean(lb.label) not in ignored])


def require_names(path: Path, labels: Read) -> None:
    """Raise InputError where a video or a class is called as no format can say it."""
    for video in labels.videos:
        if fault := fault_of(video):
            raise InputError(f"{path}: the video name {shown(video)} {fault}; rename it")
    for label in labels.labels:
        if unprintable(clean(label.label)):
            raise InputError(
                f"{path}: {label.at}: a control character in the class {shown(label.label)}; correct it"
            )


def of_activitynet(path: Path) -> Read:
    """The annotations of an ActivityNet-style file; those without length are points."""
    result = nothing()
    for video, entry in annotations.checked(path, annotations.read_entries(path), may_be_empty=True).items():
        about = {"duration": annotations.number(entry, "duration"), "subset": annotations.subset_of(entry)}
        result.videos[video] = {key: value for key, value in about.items() if value}
        for row, annotation in enumerate(entry["annotations"], 1):
            start, end = annotation["segment"]
            end = end if end > start else None
            result.add(video, annotation["label"], float(start), end, f"annotation {row}")
    return result


def of_csv(path: Path, fps: float | None) -> Read:
    """The points of a CSV file, in seconds or in frames of `fps`."""
    rows, result = points.read_csv(path), nothing()
    if not points.have_times(rows.points):
        raise InputError(f"{path}: classes of videos without times, which no other format has; add seconds")
    frames = points.are_frames(rows.points)
    if frames and fps is None:
        raise InputError(f"{path}: the points are frames; say how many a second has by --fps")
    for row in rows.points.itertuples():
        result.add(row.video, row.label, row.frame / fps if frames else row.seconds, None, row.at)
    result.faulty.extend(Faulty(f.video, f.at, f.what, f.remedy) for f in rows.faulty.itertuples())
    return result


def write(path: Path, form: str, labels: Read, settings: Points, sources: Iterable[Path] = ()) -> list[Path]:
    """Write labels; in a CSV file, instances become points as `settings.take` says. Returns the files.

    sources: files that they were read from. Raises InputError where one would be written over.
    """
    if form in (ACTIVITYNET, CSV):
        formats.require_others([path], sources)
    if form == ACTIVITYNET:
        files.write_json(path, {"database": database_of(labels)}, indent=1)
        return [path]
    if form == CSV:
        files.write_text(path, csv_of(labels, settings))
        return [path]
    return formats.write(path, form, labels, settings.fps, sources)


def database_of(labels: Read) -> dict[str, dict]:
    """The database of an ActivityNet-style file; a point is an annotation without length."""
    database = {video: {**about, "annotations": []} for video, about in labels.videos.items()}
    for label in in_order(labels):
        segment = [label.start, label.start if label.end is None else label.end]
        database[label.video]["annotations"].append({"label": label.label, "segment": segment})
    return database


def csv_of(labels: Read, settings: Points) -> str:
    """The text of a points.csv: video, seconds, class."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(points.PLAIN.columns)
    rngs = {video: points.rng_of(video, settings.seed) for video in labels.videos}
    for label in in_order(labels):
        name, seconds = points.point_of(label, settings.take, rngs[label.video])
        rows.writerow([label.video, round(seconds, 6), name])
    return text.getvalue()


def in_order(labels: Read) -> list[Label]:
    """Labels by video and time."""
    return sorted(labels.labels, key=lambda label: (label.video, label.start))
