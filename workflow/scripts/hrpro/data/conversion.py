"""A data set's own annotations, splits and points -> those of results/, checked, in seconds."""

import math
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ..config import RECOGNISED, SPLITS, Labels
from ..utils.errors import InputError
from ..utils.progress import log
from . import annotations, points, splits
from .annotations import class_names, number


class Converted(NamedTuple):
    """The content of annotations.json, of both splits, and that of points.json.

    annotations: {"database": {video: {"subset": "train" or "test", "duration" s, "annotations",
    "ambiguous"}}}; points: {"classes", "videos": {training video: [{"label", "seconds"}]}}.
    """

    annotations: dict
    points: dict


def files_of(root, labels: Labels) -> list[Path]:
    """The files that a data set's annotations, splits and points are read from, whether they exist or not."""
    paths = []
    path, point_file = annotations.file_of(root, labels.annotations), points.file_of(root, labels.points)
    if splits.needs_annotations(path, root, labels):
        paths.append(path)
    if splits.is_listed(root, labels):
        paths += [Path(root) / splits.split_file(split) for split in SPLITS]
    if point_file:
        paths.append(point_file)
    return paths


def convert(
    root,
    labels: Labels = RECOGNISED,
    *,
    ambiguous=None,
    lengths: dict[str, float] | None = None,
    tolerance: float = 0.0,
) -> Converted:
    """A data set's annotations and points, checked; ambiguous: the file of THUMOS14's ambiguous segments.

    lengths: the seconds of videos by their features; tolerance: how far, in seconds, a point may lie outside
    its video, into which it is then moved.

    A training video with points in seconds may lack an entry: its duration is that of `lengths`, None
    without them, and its classes are those of its points. Raises InputError.
    """
    path, point_file = annotations.file_of(root, labels.annotations), points.file_of(root, labels.points)
    videos, entries = splits.read_splits(root, labels), splits.read_entries(root, labels)
    table = points.read(point_file) if point_file else None
    ambiguous_segments = annotations.read_ambiguous(ambiguous) if ambiguous else {}
    in_seconds = table is not None and not points.are_frames(table)
    database = {}
    for split in SPLITS:
        for video in sorted(videos[split]):  # the order of a list does not matter
            if split == "train" and in_seconds and video not in entries:
                entry, duration = {"annotations": []}, (lengths or {}).get(video)
            else:
                entry = splits.entry_of(video, entries, split=split, path=path)
                duration = number(entry, "duration", f"{path}: {video}")
            database[video] = {
                "subset": split,
                "duration": duration,
                "annotations": [{"label": a["label"], "segment": a["segment"]} for a in entry["annotations"]],
                "ambiguous": ambiguous_segments.get(video, []),
            }
    if ambiguous_segments and not ambiguous_segments.keys() & database.keys():
        log.warning(
            "%s: no line is of a video of the data set; expected its names, as %s", ambiguous, min(database)
        )
    train = sorted(videos["train"])
    classes = set(class_names(entries))
    if table is not None:
        without_segments = [video for video in train if not database[video]["annotations"]]
        classes |= set(table["label"][table["video"].isin(without_segments)])
    if not classes:
        raise InputError(f"{path}: no annotation in any video, so no class")
    if table is None:
        placed = points.draw(database, train, labels.points)
    else:
        placed = place_points(table, entries, database, point_file=point_file, path=path, tolerance=tolerance)
    if not any(placed.values()):
        source = (
            f"{point_file}: no point of a training video" if point_file else f"{path}: no training segment"
        )
        raise InputError(f"{source}; there is nothing to learn from")
    return Converted({"database": database}, {"classes": sorted(classes), "videos": placed})


def place_points(
    table: pd.DataFrame, entries: dict, database: dict, *, point_file: Path, path: Path, tolerance: float
) -> dict[str, list[dict]]:
    """The points of the training videos: {video: [{"label", "seconds"}]} in time order.

    table: of `points.read`; entries: of the annotation file `path`; database: what `convert` makes of them;
    tolerance: how far, in seconds, a point may lie outside its video, into which it is moved. One warning
    counts such points, another one those of other videos, which are ignored. Raises InputError on a point
    further outside and, in a video with annotations, on one of an unknown class.
    """
    train = annotations.of_split(database, "train")
    others = table[~table["video"].isin(train)]
    if len(others):
        log.warning(
            "%s: ignored %d points of %d videos outside the training split",
            point_file, len(others), others["video"].nunique(),
        )  # fmt: skip
    table = table[table["video"].isin(train)]
    if points.are_frames(table):
        fps = {v: number(entries[v], "fps", f"{path.name}: {v}") for v in table["video"].unique()}
        table = table.assign(seconds=table["frame"] / table["video"].map(fps).astype(float))
    classes = class_names(entries)
    placed, moved = {video: [] for video in train}, []
    for point in table.itertuples():
        entry, place = train[point.video], f"{point_file}: line {point.line}: {point.video}"
        if entry["annotations"] and point.label not in classes:
            names = ", ".join(classes)
            raise InputError(f"{place}: unknown class {point.label!r}; {path.name} names {names}")
        seconds = min(max(point.seconds, 0.0), entry["duration"] or math.inf)
        off = abs(point.seconds - seconds)
        if not (math.isfinite(point.seconds) and off <= tolerance):
            by_features = point.video not in entries
            raise InputError(f"{place}: {outside(point, entry['duration'], path, by_features=by_features)}")
        if off:
            moved.append((off, point.line))
        placed[point.video].append({"label": point.label, "seconds": seconds})
    if moved:
        off, line = max(moved)
        log.warning(
            "%s: moved %d points into their videos, which they lie up to %.2f s outside of (line %d)",
            point_file, len(moved), off, line,
        )  # fmt: skip
    return {video: sorted(of_video, key=lambda p: p["seconds"]) for video, of_video in placed.items()}


def outside(point, duration: float | None, path: Path, *, by_features: bool) -> str:
    """What is wrong with a point outside its video, and the remedy.

    point: a row with video, seconds and perhaps frame; path: of the annotation file; by_features: whether the
    duration is that of the features by `snippet`, which may be what is wrong.
    """
    length = "" if duration is None else f"'s {duration:g} s"
    if hasattr(point, "frame"):
        remedy = f"correct the point or the video's fps in {path.name}"
        return f"frame {point.frame:g} is at {point.seconds:.2f} s, outside the video{length}; {remedy}"
    remedy = "expected seconds from the video's start, not frames"
    if by_features:
        remedy = f"that length is of its features by `snippet`: see its frames and fps first; {remedy}"
    return f"{point.seconds:.2f} s, outside the video{length}; {remedy}"


def durations(root, split: str, videos: list[str], *, labels: Labels = RECOGNISED) -> dict[str, float]:
    """The seconds of each video of a split, except training videos that have no entry and need none.

    Raises InputError if a video has no entry or no duration.
    """
    path = annotations.file_of(root, labels.annotations)
    entries = splits.read_entries(root, labels)
    if split == "train" and splits.may_lack_entries(root, labels):
        videos = [video for video in videos if video in entries]
    return {
        video: number(splits.entry_of(video, entries, split=split, path=path), "duration", f"{path}: {video}")
        for video in videos
    }


def warn_of_points(database: dict, placed: dict[str, list[dict]]) -> None:
    """Warn of training instances without a point, and of classes that have points alone, or none.

    placed: the points, {training video: [{"label", "seconds"}]}.
    """
    for video, of_video in placed.items():
        without_point = Counter(
            a["label"]
            for a in database[video]["annotations"]
            if not any(
                p["label"] == a["label"] and a["segment"][0] <= p["seconds"] <= a["segment"][1]
                for p in of_video
            )
        )
        for label, count in without_point.items():
            log.warning("%s: %d of its instances of %s without a point", video, count, label)
    annotated = set(class_names(database))
    with_points = {point["label"] for of_video in placed.values() for point in of_video}
    if annotated:
        for label in sorted(with_points - annotated):
            log.warning("class %s has points, but no annotated instance: is it spelt right?", label)
    for label in sorted(annotated - with_points):
        log.warning("class %s has no point, so it cannot be learnt", label)
