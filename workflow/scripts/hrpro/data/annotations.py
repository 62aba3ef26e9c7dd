"""Annotations, splits and points of a data set, checked, in seconds."""

import math
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..config import RECOGNISED, SPLITS, Annotations, Labels
from ..detection.segments import Segments, segments
from ..utils import files
from ..utils.errors import InputError
from ..utils.progress import log
from . import points

DEFAULTS = ("gt_full.json", "annotations.json")
# What the names of subsets usually mean, and which of them then is which split; None: there is none.
KINDS = dict.fromkeys(("train", "training"), "train")
KINDS |= dict.fromkeys(("val", "valid", "validation"), "validation")
KINDS |= dict.fromkeys(("test", "testing"), "test")
OBVIOUS = {
    frozenset(("train", "test")): ("train", "test"),
    frozenset(("train", "validation")): ("train", "validation"),
    frozenset(("validation", "test")): ("validation", "test"),
    frozenset(("train",)): ("train", None),
    frozenset(("validation",)): (None, "validation"),
    frozenset(("test",)): (None, "test"),
}


class Lengths(NamedTuple):
    """The seconds of videos by their features, {video: seconds}, and how far a point may lie past them."""

    seconds: dict[str, float]
    slack: float


def file_of(root, chosen: Annotations) -> Path:
    """A data set's annotation file, there or not."""
    if chosen.file:
        return Path(root) / chosen.file
    candidates = [Path(root) / name for name in DEFAULTS]
    return next((path for path in candidates if path.is_file()), candidates[0])


def sources(root, labels: Labels) -> list[Path]:
    """The files that a data set's annotations, splits and points are read from, there or not."""
    path, point_file = file_of(root, labels.annotations), points.file_of(root, labels.points)
    needed = [] if is_spared(path, root, labels) else [path]
    lists = [Path(root) / split_file(split) for split in SPLITS] if is_listed(root, labels) else []
    return [*needed, *lists, *([point_file] if point_file else [])]


def is_listed(root, labels: Labels) -> bool:
    """Whether lists name the videos of the splits; the subsets that an entry names go before them."""
    return labels.annotations.test is None and any((Path(root) / split_file(s)).is_file() for s in SPLITS)


def is_spared(path: Path, root, labels: Labels) -> bool:
    """Whether a data set does without its annotation file: it has points in seconds, and no test split."""
    if path.is_file() or labels.annotations != Annotations() or is_listed(root, labels):
        return False
    return may_lack_entries(root, labels)


def may_lack_entries(root, labels: Labels) -> bool:
    """Whether training videos need no entry in the annotation file, for their points are in seconds."""
    path = points.file_of(root, labels.points)
    return path is not None and path.is_file() and not points.read(path).in_frames


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


def read_splits(root, labels: Labels = RECOGNISED) -> dict[str, list[str]]:
    """{"train": videos, "test": videos}, by lists or by subsets; the test split may be empty by subsets.

    Raises InputError on a video in both, where subsets do not say which split is which, and without
    a training video.
    """
    if not is_listed(root, labels):
        return split_by_subset(root, labels)
    splits = {split: read_split(root, split) for split in SPLITS}
    for video in sorted(set(splits["train"]) & set(splits["test"])):
        raise InputError(
            f"{Path(root) / split_file('test')}: {video} is in {split_file('train')} too; "
            "a video belongs to one split"
        )
    return splits


def split_by_subset(root, labels: Labels) -> dict[str, list[str]]:
    """The splits by the subsets of the annotation file, and training videos that have points alone.

    These are the videos with points that the file has no entry of; all with points, where the file
    names no subset.
    """
    path, point_file = file_of(root, labels.annotations), points.file_of(root, labels.points)
    source = read_source(path, root, labels)
    given = points.read(point_file) if point_file else None
    pointed = given.videos() if given else []
    more = [video for video in pointed if video not in source]
    if more and given.in_frames:
        raise InputError(
            f"{point_file}: {more[0]} has no entry in {path.name}, whose fps its frames need; add one with "
            f"its duration, or give points as {','.join(points.PLAIN.columns)}"
        )
    subsets = {video: str(entry.get("subset") or "").lower() for video, entry in source.items()}
    if labels.annotations.test is None and not any(subsets.values()):
        train, labelled = pointed, set(pointed)
        test = [video for video in source if video not in labelled]
    else:
        chosen = choose_subsets(path, set(subsets.values()), labels.annotations)
        train, test = ([v for v, name in subsets.items() if name in names] for names in chosen)
        train += more
    if not train:
        named = f"{point_file} names no other" if point_file else "points are drawn of no other"
        raise InputError(
            f"{path}: no video of a training subset ({listing(subsets.values())}), and {named}; "
            f"name the training videos in {split_file('train')}, or their subsets in the entry's annotations"
        )
    return {"train": train, "test": test}


def choose_subsets(path, found: set[str], chosen: Annotations) -> tuple[set[str], set[str]]:
    """Which of the subsets found, in lower case, are the training split, and which the test split."""
    if chosen.test is not None:
        for name in sorted((chosen.subsets("train") | chosen.subsets("test")) - found):
            raise InputError(
                f"{path}: no video of subset {name!r}, which the entry's annotations name; "
                f"it has {listing(found)}"
            )
        return chosen.subsets("train"), chosen.subsets("test")
    kinds = frozenset(KINDS.get(name) for name in found)
    if kinds not in OBVIOUS:
        raise InputError(
            f"{path}: its subsets ({listing(found)}) do not say which is which split; "
            "set annotations: {train: [...], test: [...]} in the data set's entry"
        )
    train, test = OBVIOUS[kinds]
    return {n for n in found if KINDS[n] == train}, {n for n in found if KINDS[n] == test}


def listing(subsets) -> str:
    """The names of subsets, for a message."""
    return ", ".join(name or "none" for name in sorted(set(subsets))) or "none"


def read_source(path: Path, root, labels: Labels) -> dict[str, dict]:
    """`read_database` of a data set's annotation file; empty where the data set does without."""
    return {} if is_spared(path, root, labels) else read_database(path)


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


def place_points(
    given: points.PointFile, source: dict, database: dict, train: list[str], path: Path, slack: float
) -> dict[str, list[dict]]:
    """The points of the training videos: {video: [{"label", "seconds"}]} in time order.

    source: the annotation file's entries, of `path`; database: what `convert` makes of them. Points of
    other videos are passed over with one notice. Raises InputError on a point outside its video and,
    where the video has annotations, on one of an unknown class; `slack`: how far, in seconds, a point
    may lie past a video whose length is its features'.
    """
    found = {video: [] for video in train}
    passed_over = Counter()
    classes = class_names(source)
    for row in given.rows:
        if row.video not in found:
            passed_over[row.video] += 1
            continue
        place = f"{given.path}: line {row.line}: {row.video}"
        if database[row.video]["annotations"] and row.label not in classes:
            raise InputError(f"{place}: unknown class {row.label!r}; {path.name} names {', '.join(classes)}")
        seconds, said, remedy = row.time, "", "wanted seconds from the video's start, no frames"
        if given.in_frames:
            seconds /= number(source[row.video], "fps", f"{path.name}: {row.video}")
            said = f"frame {row.time:g} is at "
            remedy = f"correct the point or the video's fps in {path.name}"
        duration = database[row.video]["duration"]
        end = math.inf if duration is None else duration + (0 if row.video in source else slack)
        if not (math.isfinite(seconds) and 0 <= seconds <= end):
            length = "" if duration is None else f"'s {duration:g} s"
            raise InputError(f"{place}: {said}{seconds:.2f} s, outside the video{length}; {remedy}")
        found[row.video].append({"label": row.label, "seconds": seconds})
    if passed_over:
        log.warning(
            "%s: passed over %d points of %d videos outside the training split",
            given.path, sum(passed_over.values()), len(passed_over),
        )  # fmt: skip
    return {video: sorted(moments, key=lambda p: p["seconds"]) for video, moments in found.items()}


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


def convert(
    root, labels: Labels = RECOGNISED, ambiguous=None, lengths: Lengths | None = None
) -> tuple[dict, dict]:
    """A data set's annotations, checked: what the evaluation reads and what training reads.

    -> {"database": {video: {"subset": "train" or "test", "duration" s, "annotations", "ambiguous"}}}
    for the videos of the splits, and {"classes", "videos": {training video: [{"label", "seconds"}]}}.
    A training video with points in seconds may have no entry: its duration is that of `lengths`, None
    without them, and its classes are those of its points.
    """
    path, point_file = file_of(root, labels.annotations), points.file_of(root, labels.points)
    splits, source = read_splits(root, labels), read_source(path, root, labels)
    given = points.read(point_file) if point_file else None
    unsure = read_ambiguous(ambiguous) if ambiguous else {}
    database = {}
    for split, videos in splits.items():
        for video in sorted(videos):  # the order of a list counts nowhere
            if split == "train" and given and not given.in_frames and video not in source:
                duration, found = lengths and lengths.seconds.get(video), []
            else:
                entry = entry_of(video, source, split, path)
                duration, found = number(entry, "duration", f"{path}: {video}"), entry["annotations"]
            database[video] = {
                "subset": split,
                "duration": duration,
                "annotations": [{"label": a["label"], "segment": a["segment"]} for a in found],
                "ambiguous": unsure.get(video, []),
            }
    classes = set(class_names(source))
    if given:
        bare = {video for video in splits["train"] if not database[video]["annotations"]}
        classes |= {row.label for row in given.rows if row.video in bare}
    if not classes:
        raise InputError(f"{path}: no annotation in any video, so no class")
    if given is None:
        moments = points.draw(database, sorted(splits["train"]), labels.points)
    else:
        slack = lengths.slack if lengths else 0
        moments = place_points(given, source, database, sorted(splits["train"]), path, slack)
    if not any(moments.values()):
        said = f"{point_file}: no point of a training video" if given else f"{path}: no training segment"
        raise InputError(f"{said}; there is nothing to learn from")
    return {"database": database}, {"classes": sorted(classes), "videos": moments}


def durations(root, splits: dict[str, list[str]], labels: Labels = RECOGNISED) -> dict[str, float]:
    """The seconds of each video of the splits, but of training videos that need no entry and have none.

    Raises InputError where a video has no entry or no duration.
    """
    path = file_of(root, labels.annotations)
    source = read_source(path, root, labels)
    optional = set(splits["train"]) - source.keys() if may_lack_entries(root, labels) else set()
    return {
        video: number(entry_of(video, source, split, path), "duration", f"{path}: {video}")
        for split, videos in splits.items()
        for video in videos
        if video not in optional
    }


def entry_of(video: str, source: dict, split: str, path) -> dict:
    """A video's entry. Raises InputError where there is none."""
    if video not in source:
        raise InputError(f"{path}: {video} of {split_file(split)} has no entry; add it or drop the video")
    return source[video]


def require_truth(database: dict, place: str) -> None:
    """Raise InputError where no test video has an instance; the message begins with `place`."""
    if not any(entry["annotations"] for entry in database.values() if entry["subset"] == "test"):
        raise InputError(
            f"{place}: no test video has an annotation, so there is nothing to score; add annotated test "
            "videos, hold training videos back (docs/data.md, Copies), or ask for predictions alone"
        )


def of_split(database: dict, split: str) -> dict:
    """The entries of the videos of a split."""
    return {video: entry for video, entry in database.items() if entry["subset"] == split}


def require_durations(database: dict, place) -> None:
    """Raise InputError where a video's length is not known; the message begins with `place`."""
    for video, entry in database.items():
        if entry["duration"] is None:
            raise InputError(
                f"{place}: nothing of training video {video}, which has points, so its length is unknown; "
                "add an entry with its duration, or say --features FILE of convert_features.py"
            )


def warn_of_segments(database: dict) -> None:
    """Warn of segments past the end of their video."""
    for video, entry in database.items():
        late = max((a["segment"][1] for a in entry["annotations"]), default=0) - entry["duration"]
        if late > 0:
            log.warning("%s: a segment ends %.2f s past the end of the video", video, late)


def warn_of_points(database: dict, points: dict[str, list[dict]]) -> None:
    """Warn of training instances without a point, and of classes that only one of the two knows."""
    for video, moments in points.items():
        bare = Counter(
            a["label"]
            for a in database[video]["annotations"]
            if not any(
                p["label"] == a["label"] and a["segment"][0] <= p["seconds"] <= a["segment"][1]
                for p in moments
            )
        )
        for label, count in bare.items():
            log.warning("%s: %d of its instances of %s without a point", video, count, label)
    annotated = {a["label"] for entry in database.values() for a in entry["annotations"]}
    pointed = {point["label"] for moments in points.values() for point in moments}
    for label in sorted(pointed - annotated) if annotated else ():
        log.warning("class %s has points, but no annotated instance: is it spelt right?", label)
    for label in sorted(annotated - pointed):
        log.warning("class %s has no point, so it cannot be learnt", label)


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
