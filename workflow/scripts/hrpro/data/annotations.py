"""Annotations of videos: reading and checking ActivityNet-style files; times in seconds.

database: {video: {"subset", "duration" s, "fps", "annotations": [{"label", "segment": [start s, end s]}]}}.
"""

import math
import re
from collections.abc import Container
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..config import AS_THEY_ARE, Annotations, VideoNames
from ..detection.segments import Segments, segments
from ..utils import files
from ..utils.errors import InputError
from ..utils.names import class_of, clean, listed, quoted, shown, unprintable
from ..utils.progress import log
from .faults import Faults
from .instances import are_spans
from .labels.label import Fault, Faulty, Label, shortened, to_float, to_number

DEFAULTS = ("gt_full.json", "annotations.json")


def file_of(root, settings: Annotations) -> Path:
    """A data set's annotation file, whether it exists or not."""
    if settings.file:
        return Path(root) / settings.file
    candidates = [Path(root) / name for name in DEFAULTS]
    return next((path for path in candidates if files.is_taken(path)), candidates[0])


def read_entries(path, names: VideoNames = AS_THEY_ARE) -> dict[str, object]:
    """The database of an annotation file, its entries unchecked. Raises InputError where a video is twice."""
    content = files.read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("database"), dict):
        raise InputError(f'{path}: no "database" object; expected {{"database": {{video: {{...}}}}}}')
    entries = {}
    for name, entry in content["database"].items():
        video = names.of(name)
        if video in entries:
            raise InputError(f"{path}: video {shown(video)} stands twice; join the two entries or remove one")
        entries[video] = entry
    return entries


def read_database(path) -> dict[str, dict]:
    """The database of an annotations.json, each entry checked. Raises InputError on any fault."""
    database = checked(path, read_entries(path))
    for video, entry in database.items():
        if not isinstance(entry.get("subset"), str) or number(entry, "duration") is None:
            raise InputError(
                f'{path}: {shown(video)}: no "subset" or no "duration"; expected what convert_annotations.py '
                "writes"
            )
    return database


def checked(path, entries: dict[str, object], *, may_be_empty: bool = False) -> dict[str, dict]:
    """Entries of an annotation file, their annotations as `usable` has them. Raises InputError on a fault."""
    faults, database = Faults(), {}
    for video, entry in entries.items():
        if fault := fault_of_entry(entry):
            what, remedy = fault
            faults.add(path, video, what, remedy=remedy)
        elif not are_spans(entry.get("ambiguous") or []):
            what = f'"ambiguous" is {shortened(entry["ambiguous"])}'
            faults.add(path, video, what, remedy="expected [[start, end], ...] in seconds, start < end")
        else:
            database[video] = {
                **entry,
                "annotations": usable(path, video, entry, faults, may_be_empty=may_be_empty),
            }
    faults.stop()
    return database


def fault_of_entry(entry) -> tuple[str, str] | None:
    """What is wrong with a video's entry, its annotations aside, and the remedy; None for nothing."""
    if not isinstance(entry, dict) or not isinstance(entry.get("annotations"), list):
        return 'no "annotations" list', "add one, empty for no action"
    return None


def usable(path, video: str, entry: dict, faults: Faults, *, may_be_empty: bool = False) -> list[dict]:
    """A video's annotations, {"label": text, "segment": [start s, end s]}; what is wrong goes into `faults`.

    A segment ends after it starts or, if it `may_be_empty` or in a video of which "truth": "points" says that
    only points are known, not before. Numbers may be in quotes, and labels may be numbers.
    """
    annotations, may_be_empty = [], may_be_empty or entry.get("truth") == "points"
    for row, annotation in enumerate(entry["annotations"], 1):
        place = f"{video}: annotation {row}"
        if isinstance(annotation, Faulty | Label):
            place = f"{annotation.at}: {video}"
        try:
            annotations.append(annotation_of(annotation, may_be_empty=may_be_empty))
        except Fault as fault:
            what, remedy = fault.args
            faults.add(path, place, what, remedy=remedy)
    return annotations


def annotation_of(annotation, *, may_be_empty: bool) -> dict:
    """An annotation as text and numbers. Raises Fault.

    may_be_empty: whether it may end where it starts, as an instance of which only a point is known.
    """
    if isinstance(annotation, Faulty):
        raise Fault(annotation.what, annotation.remedy)
    if isinstance(annotation, Label):
        annotation = {"label": annotation.label, "segment": [annotation.start, annotation.end]}
    label = class_of(annotation.get("label")) if isinstance(annotation, dict) else None
    if not label:
        raise Fault('no "label"', "expected the name of a class")
    if unprintable(label):
        raise Fault(f"a control character in the label {shown(label)}", "correct it")
    segment = annotation.get("segment")
    times = [to_number(time) for time in segment] if isinstance(segment, list) else []
    if len(times) != 2 or None in times:
        raise Fault(f'"segment" is {shortened(segment)}', "expected [start, end] in seconds")
    start, end = times
    if end < start:
        raise Fault(f"the segment {times} ends before it starts", "swap its ends or remove it")
    if end == start and not may_be_empty:
        raise Fault(f"the segment {times} ends where it starts", "correct or remove it")
    return {"label": label, "segment": times}


def number(entry: dict, key: str) -> float | None:
    """A video's positive number, such as its duration in seconds; None where it is missing or not one."""
    value = to_number(entry.get(key))
    return float(value) if value is not None and value > 0 else None


def subset_of(entry) -> str:
    """The name of an entry's subset; empty where it has none."""
    subset = entry.get("subset") if isinstance(entry, dict) else None
    return "" if subset is None else clean(str(subset))


def class_names(database: dict) -> list[str]:
    """The classes that the annotations name, sorted."""
    return sorted({a["label"] for entry in database.values() for a in entry["annotations"]})


def instances(entry: dict, classes: list[str]) -> Segments:
    """The annotated instances of a video, in seconds, as Segments of score 0."""
    annotations = entry["annotations"]
    return segments([a["segment"] for a in annotations], [classes.index(a["label"]) for a in annotations])


def of_split(database: dict, split: str) -> dict:
    """The entries of the videos of a split."""
    return {video: entry for video, entry in database.items() if entry["subset"] == split}


def read_ambiguous(
    path, names: VideoNames, faults: Faults, *, videos: Container[str | None], known: Container[str]
) -> dict[str, list[list[float]]]:
    """THUMOS14's ambiguous segments, "video start end" per line -> {video: [[start s, end s]]}.

    Between them stand blanks, tabs, commas or semicolons; a header and lines that begin with # are passed
    over. Wrong lines of `videos` go into `faults`; None is the video of a line that names none. known: the
    videos of the data set.
    """
    ambiguous = {}
    for row, line in enumerate(files.read_text(path).splitlines(), 1):
        stripped = clean(line).strip(" \t,;")
        if not stripped or stripped.startswith("#"):
            continue
        gaps = list(re.finditer(r"[\s,;]+", stripped))[-2:]  # not one pattern: on some lines it takes minutes
        ends = [0, *(gap.end() for gap in gaps)]
        starts = [*(gap.start() for gap in gaps), len(stripped)]
        cells = [stripped[start:end] for start, end in zip(ends, starts, strict=True)]
        if [cell.lower() for cell in cells[1:]] == ["start", "end"]:
            continue
        try:
            video, (start, end) = names.of(cells[0]), map(to_float, cells[1:])
            if re.search(r"[\t,;]", video) and video not in known:
                raise ValueError("more than three cells")
        except ValueError:
            if None in videos:
                remedy = "expected: video start end, in seconds with decimals after a point"
                faults.add(path, f"line {row}", shortened(line), remedy=remedy)
            continue
        if 0 <= start < end < math.inf:
            ambiguous.setdefault(video, []).append([start, end])
        elif video in videos:
            what = f"{start:g} to {end:g} s is not a segment"
            faults.add(path, f"line {row}: {video}", what, remedy="correct it")
    return ambiguous


def require_truth(database: dict, place: str, pointed: list[str]) -> None:
    """Raise InputError if no test video has an instance; the message begins with `place`.

    pointed: annotated videos that are training videos for no other reason than their points.
    """
    if any(entry["annotations"] for entry in of_split(database, "test").values()):
        return
    reason = ""
    if pointed:
        reason = f" (those that are annotated have points, so they are training videos: {quoted(pointed)})"
    raise InputError(
        f"{place}: no test video has an annotation, so there is nothing to score{reason}; add annotated test "
        "videos, hold training videos back (docs/data.md, Copies), or ask for predictions alone"
    )


def require_durations(database: dict, place, features=None) -> None:
    """Raise InputError if the duration of a video is unknown; the message begins with `place`.

    features: the file that says the lengths of videos, if there is one.
    """
    unknown = [video for video, entry in database.items() if entry["duration"] is None]
    if unknown and features:
        raise InputError(
            f"{features}: has no features of {quoted(unknown)}, whose length nothing else says; add them, or "
            "give the file of this data set's split"
        )
    if unknown:
        raise InputError(
            f"{place}: nothing about the length of {quoted(unknown)}; add their durations, or give their "
            "features with --features FILE"
        )


def warn_of_segments(database: dict, tolerance: float) -> None:
    """Warn of segments that reach more than `tolerance`, in seconds, out of their video."""
    outside = {}
    for video, entry in database.items():
        off = [max(-a["segment"][0], a["segment"][1] - entry["duration"]) for a in entry["annotations"]]
        if max(off, default=0) > tolerance:
            outside[video] = [seconds for seconds in off if seconds > tolerance]
    if outside:
        log.warning(
            "segments outside their videos: %d, by up to %.2f s (%s); they count as they are",
            sum(map(len, outside.values())),
            max(map(max, outside.values())),
            listed(f"{video} {max(off):.2f} s" for video, off in outside.items()),
        )


class Truth(NamedTuple):
    """The ground truth of an evaluation.

    instances: those of each video, of score 0; ambiguous: {video: (K, 2) seconds}, where there are any;
    classes: names, which the instances' labels count.
    """

    instances: dict[str, Segments]
    ambiguous: dict[str, np.ndarray]
    classes: list[str]


def test_truth(
    path,
    subset: str | None,
    exclude: list[str],
    classes: list[str] | None = None,
    *,
    may_be_empty: bool = False,
) -> Truth:
    """The ground truth of a subset of an annotation file (None: of every video), some videos excluded.

    subset: in any case; classes: all that the file names, sorted, if None; may_be_empty: whether instances
    without length are read too. Raises InputError if the subset has no video, or a class that `classes` lack.
    """
    if subset is not None:
        subset = clean(subset).lower()
    entries = read_entries(path)
    exclude = [clean(video) for video in exclude]
    if absent := sorted(set(exclude) - entries.keys()):
        log.warning("%s: has none of the excluded videos %s; correct their names", path, quoted(absent))
    in_subset = {v: entry for v, entry in entries.items() if subset in (None, subset_of(entry).lower())}
    database = checked(path, in_subset, may_be_empty=may_be_empty)
    if not classes:
        readable = {video: entry for video, entry in entries.items() if not fault_of_entry(entry)}
        classes = class_names(
            {
                v: {"annotations": usable(path, v, e, Faults(), may_be_empty=may_be_empty)}
                for v, e in readable.items()
            }
        )
    if not database:
        subsets = listed(map(shown, sorted({subset_of(entry) or "none" for entry in entries.values()})))
        raise InputError(f"{path}: no video of subset {subset!r}; the file has {subsets or 'no video'}")
    database = {video: entry for video, entry in database.items() if video not in exclude}
    if not database:
        raise InputError(f"{path}: all videos to score with are excluded; leave one")
    unknown = set(class_names(database)) - set(classes)
    if unknown:
        raise InputError(f"{path}: class {min(unknown)!r} is unknown to the model")
    return Truth(
        instances={video: instances(entry, classes) for video, entry in database.items()},
        ambiguous={v: np.array(e["ambiguous"]) for v, e in database.items() if e.get("ambiguous")},
        classes=classes,
    )
