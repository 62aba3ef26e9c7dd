"""Copies of a data set: other points, fewer or wrong ones, or training videos as the test split.

database: the videos of an annotations.json, {video: {"subset", "duration" s, "annotations", "ambiguous"}};
points: those of a points.json, {training video: [{"label", "seconds"}]} in time order.
"""

import os
from pathlib import Path

import h5py
import numpy as np

from ..config import Copy
from ..utils.errors import InputError
from ..utils.files import atomic
from . import hdf5
from .features import FeatureFile
from .instances import are_timed, holding
from .moments import Moments
from .points import moment


def change(
    database: dict, points: dict, classes: list[str], *, settings: Copy, place: str
) -> tuple[dict, dict]:
    """The database and the points of a copy, by draws from `settings.seed`.

    place: how the message of an InputError begins, which is raised on what the data set does not allow.
    """
    check(database, points, classes, settings=settings, place=place)
    rng = np.random.default_rng(settings.seed)
    if settings.held_back:
        database, points = hold_back(
            database, points, share=settings.held_back, truth=settings.truth, rng=rng
        )
    if settings.labelled < 1:
        database, points = label_fewer(database, points, settings.labelled, rng)
    if settings.points == "uniform":
        points = redraw(database, points, rng)
    points = leave_out(points, settings.missing, rng)
    points = mislabel(points, classes, share=settings.wrong, rng=rng)
    if not any(points.values()):
        raise InputError(
            f"{place}: no point of a training video is left to the copy; lower held_back or missing"
        )
    if settings.held_back and not any(e["annotations"] for e in database.values() if e["subset"] == "test"):
        raise InputError(
            f"{place}: the held-back videos hold nothing to score; raise held_back or set another seed"
        )
    return database, points


def check(database: dict, points: dict, classes: list[str], *, settings: Copy, place: str) -> None:
    """Raise InputError if the data set lacks what the copy needs."""
    needs = []
    if settings.held_back and settings.truth == "segments":
        needs.append(("truth: segments", "truth: points"))
    if settings.points == "uniform":
        needs.append(("points: uniform", "points: given"))
    if needs and not any(database[video]["annotations"] for video in points):
        setting, other = needs[0]
        raise InputError(
            f"{place}: no training video has a segment, which the copy's {setting} needs; "
            f"add segments to the data set's annotations or set {other}"
        )
    for setting, value in (("truth: points", settings.truth), ("points: uniform", settings.points)):
        if setting.endswith(value) and not are_timed(points):
            raise InputError(
                f"{place}: the data set's points have no times, which the copy's {setting} needs; add times"
            )
    if settings.truth == "points" and not settings.held_back:
        raise InputError(f"{place}: the copy's truth: points is of held-back videos; set held_back too")
    if settings.wrong and len(classes) < 2:
        raise InputError(f"{place}: one class alone leaves no other for wrong points; set wrong: 0.0")


def hold_back(
    database: dict, points: dict, *, share: float, truth: str, rng: np.random.Generator
) -> tuple[dict, dict]:
    """A share of the training videos, at least one, becomes the test split in place of the former one.

    truth: what a held-back video is scored with: its "segments", or its "points", each as an
    annotation without length, and then without ambiguous segments too.
    """
    train = list(points)
    order = [train[i] for i in rng.permutation(len(train))]
    count = max(1, round(share * len(train)))
    if truth == "points":
        order = turned(order, count, points)
    held_back = {*order[:count]}
    kept = {}
    for video, entry in database.items():
        if video in held_back:
            entry = {**entry, "subset": "test"}
            if truth == "points":
                entry |= {
                    "annotations": [as_annotation(p) for p in points[video]],
                    "ambiguous": [],
                    "truth": "points",
                }
        elif video not in points:
            continue
        kept[video] = entry
    return kept, {video: of_video for video, of_video in points.items() if video not in held_back}


def turned(order: list[str], count: int, points: dict) -> list[str]:
    """Videos turned round until one of the first `count` has a point and one after them, if that can be."""

    def have_points(videos: list[str]) -> bool:
        return any(points[video] for video in videos)

    for turn in range(len(order)):
        videos = order[turn:] + order[:turn]
        if have_points(videos[:count]) and have_points(videos[count:]):
            return videos
    return order


def as_annotation(point: dict) -> dict:
    """A point as an annotation without length, in seconds."""
    return {"label": point["label"], "segment": [point["seconds"]] * 2}


def label_fewer(database: dict, points: dict, share: float, rng: np.random.Generator) -> tuple[dict, dict]:
    """The first training videos in a drawn order, as many as have, to the nearest one, a share of all points.

    And the first video of each class, so that no class loses all its points. A video is kept with all of its
    points or leaves the training: in one that is labelled in part, the rest would count as background. The
    videos of a smaller share are among those of a larger one.
    """
    order = [list(points)[i] for i in rng.permutation(len(points))]
    target = share * sum(map(len, points.values()))
    kept, count, classes, reached = set(), 0, set(), False
    for video in order:
        shown = {point["label"] for point in points[video]}
        reached = reached or count + len(points[video]) / 2 > target  # nearer to it without this video
        if not reached or shown - classes:
            kept.add(video)
            count += len(points[video])
            classes |= shown
    return (
        {video: entry for video, entry in database.items() if video in kept or video not in points},
        {video: of_video for video, of_video in points.items() if video in kept},
    )


def redraw(database: dict, points: dict, rng: np.random.Generator) -> dict:
    """Each point drawn anew, uniformly inside the instance that it stands for; one without stays as it is."""
    redrawn = {}
    for video, of_video in points.items():
        drawn = [redraw_point(point, database[video], rng) for point in of_video]
        redrawn[video] = sorted(drawn, key=lambda p: p["seconds"])
    return redrawn


def redraw_point(point: dict, entry: dict, rng: np.random.Generator) -> dict:
    """One point, drawn anew inside the part of its instance that lies in the video."""
    times = [a["segment"] for a in entry["annotations"]]
    labels = [a["label"] for a in entry["annotations"]]
    instance = holding(times, labels, point["seconds"], point["label"])
    if instance is None:
        return point
    return {**point, "seconds": moment(times[instance], entry["duration"], distribution="uniform", rng=rng)}


def leave_out(points: dict, share: float, rng: np.random.Generator) -> dict:
    """The points without a share of them, drawn over all videos."""
    left_out = choose(points, share, rng)
    return {
        video: [point for row, point in enumerate(of_video) if (video, row) not in left_out]
        for video, of_video in points.items()
    }


def mislabel(points: dict, classes: list[str], *, share: float, rng: np.random.Generator) -> dict:
    """The points, a share of them with a class drawn uniformly among the others."""
    wrong, relabelled = choose(points, share, rng), {}
    for video, of_video in points.items():
        relabelled[video] = []
        for row, point in enumerate(of_video):
            if (video, row) in wrong:
                point = {**point, "label": another(point["label"], classes, rng)}
            relabelled[video].append(point)
    return relabelled


def another(label: str, classes: list[str], rng: np.random.Generator) -> str:
    """A class other than `label`."""
    others = [name for name in classes if name != label]
    return others[rng.integers(len(others))]


def choose(points: dict, share: float, rng: np.random.Generator) -> set[tuple[str, int]]:
    """A share, rounded, of all points: {(video, number of the point in it)}."""
    places = [(video, row) for video, of_video in points.items() for row in range(len(of_video))]
    return {places[i] for i in rng.choice(len(places), round(share * len(places)), replace=False)}


def link_features(source, videos: list[str], output) -> None:
    """Write a features.h5 whose videos are external links into `source`, so that nothing is stored twice.

    The links are valid as long as the two files keep their places to each other.
    """
    with FeatureFile(source) as file:
        attributes = dict(file.file.attrs)
        missing = sorted(set(videos) - set(file.videos))
        if missing:
            raise InputError(f"{source}: no features of {missing[0]}; remove the file and convert again")
        if "mean" in attributes and len(videos) < len(file.videos):
            moments = Moments(file.width)
            for video in sorted(videos):
                moments.add(file.read([video])[0])
            attributes |= {"mean": moments.mean, "deviation": moments.deviation}
    target = os.path.relpath(os.path.realpath(source), os.path.realpath(Path(output).parent))
    with atomic(output) as temporary, hdf5.create(temporary) as file:
        for video in videos:
            file[video] = h5py.ExternalLink(target, f"/{video}")
        file.attrs.update(attributes)
