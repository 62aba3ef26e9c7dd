"""A data set's own annotations, splits and points -> those of results/, checked, in seconds."""

import itertools
import math
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from ..config import SPLITS, Labels
from ..grid import Grid
from ..utils.errors import InputError
from ..utils.names import hint, listed, quoted
from ..utils.progress import log
from . import annotations, points, splits
from .annotations import class_names, number
from .faults import Faults
from .instances import without_times
from .labels import formats
from .splits import Contents

TOLERANCE = Grid(16, 25).tolerance  # seconds that a time may lie outside its video, if nobody says the grid
ROUNDING = 1e-9  # seconds
SOME = 100  # videos that are compared with all others for a message


class Converted(NamedTuple):
    """The content of annotations.json, of both splits, and that of points.json.

    annotations: {"database": {video: {"subset": "train" or "test", "duration" s, "annotations",
    "ambiguous"}}}; points: {"classes", "videos": {training video: [{"label", "seconds"}]}}, without "seconds"
    where their file says no times, and, where points are left out, "left_out": [{"place", "what", "remedy"}].
    """

    annotations: dict
    points: dict


def files_of(root, labels: Labels) -> list[Path]:
    """The files that a data set's annotations, splits and points are read from, whether they exist or not."""
    paths = []
    path, point_file = annotations.file_of(root, labels.annotations), points.file_of(root, labels.points)
    if splits.needs_annotations(path, root, labels):
        paths += formats.files_of(path, labels.annotations)
    if splits.is_listed(root, labels):
        paths += [Path(root) / splits.split_file(split) for split in SPLITS]
    if point_file:
        paths += formats.files_of(point_file, labels.points)
    return paths


def convert(
    contents: Contents,
    *,
    ambiguous=None,
    lengths: dict[str, float] | None = None,
    tolerance: float = TOLERANCE,
) -> Converted:
    """The annotations of both splits and the points; see `annotate` and `place`. Raises InputError."""
    database = {}
    for split in SPLITS:
        database |= annotate(contents, split, ambiguous=ambiguous, lengths=lengths)
    return Converted({"database": database}, place(contents, database, tolerance))


def annotate(
    contents: Contents, split: str, *, ambiguous=None, lengths: dict[str, float] | None = None
) -> dict[str, dict]:
    """The database of a split, its annotations checked.

    ambiguous: the file of THUMOS14's ambiguous segments; lengths: the seconds of videos by their features,
    for those whose duration the annotations do not say: None where `lengths` do not either. What is wrong
    goes into the split's faults and, unless they are left out, raises InputError.
    """
    faults = contents.faults[split]
    videos = sorted(contents.videos[split])  # the order of a list does not matter
    regions = {}
    if ambiguous:
        known = set(itertools.chain(*contents.videos.values()))
        of_split = {*videos, None} if split == "test" else set(videos)  # what is of no video is said once
        regions = annotations.read_ambiguous(
            ambiguous, contents.labels.names, faults, videos=of_split, known=known
        )
        if split == "test":
            warn_of_ambiguous(ambiguous, regions, known)
    database = {}
    for video in videos:
        entry = contents.entries.get(video, {"annotations": []})
        database[video] = {
            "subset": split,
            "duration": number(entry, "duration") or (lengths or {}).get(video),
            "annotations": annotations.usable(contents.path, video, entry, faults),
            "ambiguous": regions.get(video, []),
        }
    faults.stop()
    return database


def warn_of_ambiguous(path, regions: dict, known: set[str]) -> None:
    """Warn of a list of ambiguous segments of which no video, or one but for its spelling, is `known`.

    Others are passed over: lists of both splits, or of excluded videos, hold more.
    """
    others = [video for video in regions if video not in known]
    if regions and len(others) == len(regions):
        log.warning("%s: no line is of a video of the data set; expected its names, as %s", path, min(known))
    elif near := next(filter(None, (hint(video, known) for video in others[:SOME])), None):
        log.warning("%s: ignored lines of videos outside the data set: %s%s", path, quoted(others), near)


def place(contents: Contents, database: dict, tolerance: float) -> dict:
    """The content of a points.json: the points of the training videos, drawn or of their file.

    database: of both splits, of `annotate`; tolerance: how far, in seconds, a point may lie outside its
    video, into which it is then moved. Warnings count such points, those of other videos, which are ignored,
    and those that are left out, which "left_out" describes. Raises InputError.
    """
    train = annotations.of_split(database, "train")
    annotated, faults = class_names(database), Faults(contents.labels.on_fault)
    if contents.points is None:
        placed = points.draw(database, sorted(train), contents.labels.points)
    else:
        placed = place_points(contents, train, faults, classes=annotated, tolerance=tolerance)
    classes = {*annotated, *(point["label"] for of_video in placed.values() for point in of_video)}
    if not classes:
        raise InputError(f"{contents.path}: no annotation in any video, so no class")
    if not any(placed.values()):
        raise InputError(f"{nothing_to_learn(contents, train, faults)}; there is nothing to learn from")
    content = {"classes": sorted(classes), "videos": placed}
    if faults.kinds:  # by the file's name: where the data lie does not matter
        content["left_out"] = [{**told, "place": Path(told["place"]).name} for told in faults.told()]
    return content


def nothing_to_learn(contents: Contents, train: dict, faults: Faults) -> str:
    """What is missing or, by `faults`, wrong where no training video has a point."""
    if faults.kinds:
        return "{place}: {what}; {remedy}".format(**faults.told()[0])
    if contents.points is None:
        return f"{contents.path}: no training segment"
    others = contents.points.points["video"].unique().tolist()
    near = hint(others[0], train) if others else ""
    return f"{contents.point_file}: no point of a training video{near}"


def place_points(
    contents: Contents, train: dict, faults: Faults, *, classes: list[str], tolerance: float
) -> dict[str, list[dict]]:
    """The points of the training videos by their file: {video: [{"label", "seconds"}]} in time order.

    Of a file without times they are the classes of each video, [{"label"}]. train: the database of the
    training split; faults: gets what is wrong; classes: those of the annotations, of which a point has one if
    its video is annotated.
    """
    path, rows = contents.point_file, contents.points.points
    if headers := contents.points.headers:
        warn_of_headers(path, headers)
    for row in contents.points.faulty.itertuples():
        if row.video in train or not row.video:
            at = row.at + (f": {row.video}" if row.video else "")
            faults.add(path, at, row.what, remedy=row.remedy)
    others = rows["video"][~rows["video"].isin([*train, *contents.left_out])]
    if len(others):
        log.warning(
            "%s: ignored %d points of %d videos outside the training split: %s%s",
            path, len(others), others.nunique(), quoted(others.unique()), hint(others.iloc[0], train),
        )  # fmt: skip
    rows = rows[rows["video"].isin(train)]
    if points.are_frames(rows):
        fps = {v: number(contents.entries[v], "fps") for v in rows["video"].unique()}
        rows = rows.assign(seconds=rows["frame"] / rows["video"].map(fps).astype(float))
    timed, placed, moved = points.have_times(rows), {video: [] for video in sorted(train)}, []
    for point in rows.itertuples():
        entry, at = train[point.video], f"{point.at}: {point.video}"
        if entry["annotations"] and point.label not in classes:
            what = f"unknown class {point.label!r}"
            faults.add(path, at, what, remedy=f"{contents.path.name} names {quoted(classes)}")
            continue
        if not timed:
            placed[point.video].append({"label": point.label})
            continue
        seconds = min(max(point.seconds, 0.0), entry["duration"] or math.inf)
        off = abs(point.seconds - seconds)
        if not (math.isfinite(point.seconds) and off <= tolerance + ROUNDING):
            what, remedy = outside(point, entry["duration"], contents)
            faults.add(path, at, what, remedy=remedy)
            continue
        if off:
            moved.append((off, point.at))
        placed[point.video].append({"label": point.label, "seconds": seconds})
    faults.stop()
    faults.warn()
    if moved:
        off, at = max(moved)
        log.warning(
            "%s: moved %d points into their videos, which they lie up to %.2f s outside of (%s)",
            path, len(moved), off, at,
        )  # fmt: skip
    if not timed:
        return {video: without_times(of_video) for video, of_video in placed.items()}
    return {video: sorted(of_video, key=lambda p: p["seconds"]) for video, of_video in placed.items()}


def warn_of_headers(path, lines: list[int]) -> None:
    """Warn of the lines of a file on which a header stands amid its rows, as where two are joined."""
    log.warning("%s: passed over the header where it stands again (line %s)", path, listed(map(str, lines)))


def outside(point, duration: float | None, contents: Contents) -> tuple[str, str]:
    """What is wrong with a point outside its video, and the remedy.

    point: a row with video, seconds and perhaps frame.
    """
    length = "" if duration is None else f"'s {duration:g} s"
    if hasattr(point, "frame"):
        what = f"frame {point.frame:g} is at {point.seconds:.2f} s, outside the video{length}"
        return what, f"correct the point or the video's fps in {contents.path.name}"
    remedy = "expected seconds from the video's start, not frames"
    if number(contents.entries.get(point.video, {}), "duration") is None:
        remedy = f"that length is of its features by `snippet`: see its frames and fps first; {remedy}"
    return f"{point.seconds:.2f} s, outside the video{length}", remedy


def durations(contents: Contents, split: str) -> dict[str, float]:
    """The seconds of those videos of a split whose annotations say them."""
    known = {video: number(contents.entries.get(video, {}), "duration") for video in contents.videos[split]}
    return {video: seconds for video, seconds in known.items() if seconds is not None}


def warn_of_annotations(contents: Contents, database: dict, split: str, tolerance: float) -> None:
    """Warn of what is left out of a split, of segments outside their videos, and of the splits' rule."""
    contents.faults[split].warn()
    if headers := contents.headers.get(split):
        warn_of_headers(splits.split_file(split), headers)
    annotations.warn_of_segments(database, tolerance)
    if split == "train" and contents.pointed:
        log.warning(
            "%s: names no subset, so %d annotated videos that have points are training videos (%s); to test "
            "on them, take their points away or name their subset",
            contents.path, len(contents.pointed), quoted(contents.pointed),
        )  # fmt: skip


def warn_of_points(database: dict, placed: dict[str, list[dict]]) -> None:
    """Warn of training instances without a point, and of classes that have points alone, or none.

    placed: the points, {training video: [{"label", "seconds"}]}.
    """
    bare = Counter()
    for video, of_video in placed.items():
        bare.update(
            (video, a["label"])
            for a in database[video]["annotations"]
            if not any(
                p["label"] == a["label"]
                and ("seconds" not in p or a["segment"][0] <= p["seconds"] <= a["segment"][1])
                for p in of_video
            )
        )
    if bare:
        places = listed(f"{video}: {count} of {label!r}" for (video, label), count in bare.items())
        log.warning("training instances without a point: %d (%s)", bare.total(), places)
    annotated = set(class_names(database))
    with_points = {point["label"] for of_video in placed.values() for point in of_video}
    if annotated and with_points - annotated:
        others = quoted(sorted(with_points - annotated))
        log.warning("classes with points, but no annotated instance: %s; are they spelt right?", others)
    if annotated - with_points:
        others = quoted(sorted(annotated - with_points))
        log.warning("classes without a point, so that they cannot be learnt: %s", others)
