"""Annotations, splits and points of a data set in the HR-Pro layout, checked, in seconds."""

import csv
import math
from collections import Counter
from pathlib import Path

import numpy as np

from . import files
from .detections import Segments, segments
from .errors import InputError
from .progress import log

ANNOTATIONS = "gt_full.json"
POINTS = "point_labels/point_gaussian.csv"
COLUMNS = ("class", "video_id", "point")


def split_file(split: str) -> str:
    """The file under a data set's root that lists the videos of a split ("train" or "test")."""
    return f"split_{split}.txt"


def read_split(root, split: str) -> list[str]:
    """The videos of a split, in the file's order. Raises InputError on a repeated or an absent one."""
    path = Path(root) / split_file(split)
    videos = {}
    for row, line in enumerate(files.read_text(path).splitlines(), 1):
        if not (video := line.strip()):
            continue
        if video in videos:
            raise InputError(
                f"{path}: line {row}: {video} stands on line {videos[video]} already; remove one"
            )
        videos[video] = row
    if not videos:
        raise InputError(f"{path}: no video; wanted one a line")
    return list(videos)


def read_splits(root) -> dict[str, list[str]]:
    """{"train": videos, "test": videos}. Raises InputError on a video in both."""
    splits = {split: read_split(root, split) for split in ("train", "test")}
    for video in sorted(set(splits["train"]) & set(splits["test"])):
        raise InputError(
            f"{Path(root) / split_file('test')}: {video} is in {split_file('train')} too; "
            "a video belongs to one split"
        )
    return splits


def read_database(path) -> dict[str, dict]:
    """ActivityNet-style annotations: {video: {"subset", "duration" s, "fps", "annotations"}}.

    Every annotation is checked: {"label", "segment": [start s, end s]} with start < end or, in a video
    of which "truth": "points" says that only points are known, start <= end.
    """
    content = files.read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("database"), dict):
        raise InputError(f'{path}: no "database" object; wanted {{"database": {{video: {{...}}}}}}')
    for video, entry in content["database"].items():
        if not isinstance(entry, dict) or not isinstance(entry.get("annotations"), list):
            raise InputError(f'{path}: {video}: no "annotations" list; add one, empty for no action')
        for row, annotation in enumerate(entry["annotations"], 1):
            lengthless = entry.get("truth") == "points"
            check_annotation(f"{path}: {video}: annotation {row}", annotation, lengthless)
    return content["database"]


def check_annotation(place: str, annotation, lengthless: bool) -> None:
    """Raise InputError if an annotation has no label or no segment that ends after it starts.

    A `lengthless` one may end where it starts: an instance of which only a point is known.
    """
    if not isinstance(annotation, dict) or not isinstance(annotation.get("label"), str):
        raise InputError(f'{place}: no "label"; wanted the name of a class')
    segment = annotation.get("segment")
    if not isinstance(segment, list) or len(segment) != 2 or not all(map(is_number, segment)):
        raise InputError(f'{place}: "segment" is {segment!r}; wanted [start, end] in seconds')
    if segment[1] < segment[0] or (segment[1] == segment[0] and not lengthless):
        raise InputError(f"{place}: the segment {segment} ends before it starts; swap or remove it")


def is_number(value) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number(entry: dict, key: str, place: str) -> float:
    """A video's positive number, such as its duration in seconds; InputError where there is none."""
    value = entry.get(key)
    if not is_number(value) or value <= 0:
        raise InputError(f'{place}: "{key}" is {value!r}; wanted a number over 0')
    return float(value)


def class_names(database: dict) -> list[str]:
    """The classes that the annotations name, sorted."""
    return sorted({a["label"] for entry in database.values() for a in entry["annotations"]})


def instances(entry: dict, classes: list[str]) -> Segments:
    """The annotated instances of a video, in seconds, as Segments of score 0."""
    found = entry["annotations"]
    return segments([a["segment"] for a in found], [classes.index(a["label"]) for a in found])


def read_points(path, database: dict, train: list[str], classes: list[str]) -> dict[str, list[dict]]:
    """The points of the training videos: {video: [{"label", "seconds"}]} in time order.

    The file has the columns class, video_id and point, a frame number at the video's own fps. Points
    of other videos are passed over with one notice. Raises InputError on a point of an unknown class,
    one that is no number, or one outside its video.
    """
    points = {video: [] for video in train}
    passed_over = Counter()
    for line, row in read_rows(path):
        video, label, place = row["video_id"], row["class"], f"{path}: line {line}: {row['video_id']}"
        if video not in points:
            passed_over[video] += 1
            continue
        if label not in classes:
            raise InputError(f"{place}: unknown class {label!r}; {ANNOTATIONS} names {', '.join(classes)}")
        try:
            frame = float(row["point"])
        except ValueError:
            raise InputError(f"{place}: point {row['point']!r} is no number; wanted a frame's") from None
        entry = database[video]
        seconds = frame / number(entry, "fps", f"{ANNOTATIONS}: {video}")
        if not 0 <= seconds <= entry["duration"]:
            raise InputError(
                f"{place}: frame {frame:g} is at {seconds:.2f} s, outside the video's "
                f"{entry['duration']:g} s; correct the point or the video's fps in {ANNOTATIONS}"
            )
        points[video].append({"label": label, "seconds": seconds})
    if passed_over:
        log.warning(
            "%s: passed over %d points of %d videos outside the training split",
            path, sum(passed_over.values()), len(passed_over),
        )  # fmt: skip
    return {video: sorted(found, key=lambda p: p["seconds"]) for video, found in points.items()}


def read_rows(path) -> list[tuple[int, dict[str, str]]]:
    """The rows of a point file, each with its line. Raises InputError where a column or a cell is missing."""
    reader = csv.DictReader(files.read_text(path).splitlines(), strict=True)
    try:
        absent = [column for column in COLUMNS if column not in (reader.fieldnames or [])]
        if absent:
            raise InputError(f"{path}: line 1: no column {absent[0]!r}; wanted {', '.join(COLUMNS)}")
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: {error}; correct the quotes") from None
    for line, row in rows:
        if None in (row[column] for column in COLUMNS):
            raise InputError(f"{path}: line {line}: too few cells; wanted {', '.join(reader.fieldnames)}")
    return rows


def read_ambiguous(path) -> dict[str, list[list[float]]]:
    """THUMOS14's ambiguous segments, "video start end" a line -> {video: [[start s, end s]]}."""
    found = {}
    for row, line in enumerate(files.read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            video, *segment = line.split()
            start, end = map(float, segment)
        except ValueError:
            raise InputError(f"{path}: line {row}: {line!r}; wanted: video start end") from None
        if not 0 <= start < end < math.inf:
            raise InputError(f"{path}: line {row}: {video}: {start:g} to {end:g} s is no segment; correct it")
        found.setdefault(video, []).append([start, end])
    return found


def convert(root, ambiguous=None) -> tuple[dict, dict]:
    """A data set's annotations, checked: what the evaluation reads and what training reads.

    -> {"database": {video: {"subset": "train" or "test", "duration" s, "annotations", "ambiguous"}}}
    for the videos of the splits, and {"classes", "videos": {training video: [{"label", "seconds"}]}}.
    """
    root = Path(root)
    path = root / ANNOTATIONS
    splits, source = read_splits(root), read_database(path)
    unsure = read_ambiguous(ambiguous) if ambiguous else {}
    database = {}
    for split, videos in splits.items():
        for video in videos:
            entry = entry_of(video, source, split, path)
            database[video] = {
                "subset": split,
                "duration": number(entry, "duration", f"{path}: {video}"),
                "annotations": [{"label": a["label"], "segment": a["segment"]} for a in entry["annotations"]],
                "ambiguous": unsure.get(video, []),
            }
    classes = class_names(source)
    if not classes:
        raise InputError(f"{path}: no annotation in any video, so no class")
    points = read_points(root / POINTS, source, splits["train"], classes)
    if not any(points.values()):
        raise InputError(f"{root / POINTS}: no point of a training video; there is nothing to learn from")
    return {"database": database}, {"classes": classes, "videos": points}


def durations(root, splits: dict[str, list[str]]) -> dict[str, float]:
    """The seconds of each video of the splits. Raises InputError where one has no entry or duration."""
    path = Path(root) / ANNOTATIONS
    source = read_database(path)
    return {
        video: number(entry_of(video, source, split, path), "duration", f"{path}: {video}")
        for split, videos in splits.items()
        for video in videos
    }


def entry_of(video: str, source: dict, split: str, path) -> dict:
    """A video's entry. Raises InputError where there is none."""
    if video not in source:
        raise InputError(f"{path}: {video} of {split_file(split)} has no entry; add it or drop the video")
    return source[video]


def warn(database: dict, points: dict[str, list[dict]]) -> None:
    """Warn of segments past the end of their video and of training instances without a point."""
    for video, entry in database.items():
        late = max((a["segment"][1] for a in entry["annotations"]), default=0) - entry["duration"]
        if late > 0:
            log.warning("%s: a segment ends %.2f s past the end of the video", video, late)
    for video, found in points.items():
        bare = Counter(
            a["label"]
            for a in database[video]["annotations"]
            if not any(
                p["label"] == a["label"] and a["segment"][0] <= p["seconds"] <= a["segment"][1] for p in found
            )
        )
        for label, count in bare.items():
            log.warning("%s: %d of its instances of %s without a point", video, count, label)


def test_truth(
    path, subset: str | None, exclude: list[str], classes: list[str] | None = None
) -> tuple[dict[str, Segments], dict, list[str]]:
    """What an evaluation needs of an ActivityNet-style annotation file.

    -> the instances of each video of the subset (None: of every video) that is not excluded, the
    ambiguous segments {video: (K, 2) seconds} where the file has them, and the classes, all sorted
    names of the file unless given. Raises InputError where the subset has no video.
    """
    database = read_database(path)
    classes = classes or class_names(database)
    chosen = {v: e for v, e in database.items() if subset in (None, e.get("subset")) and v not in exclude}
    if not chosen:
        subsets = sorted({str(entry.get("subset")) for entry in database.values()})
        raise InputError(f"{path}: no video of subset {subset!r} is left; the file has {', '.join(subsets)}")
    unknown = {a["label"] for e in chosen.values() for a in e["annotations"]} - set(classes)
    if unknown:
        raise InputError(f"{path}: class {min(unknown)!r} is unknown to the model")
    truth = {video: instances(entry, classes) for video, entry in chosen.items()}
    unsure = {v: np.array(e["ambiguous"]) for v, e in database.items() if e.get("ambiguous")}
    return truth, unsure, classes
