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
from .features import FeatureFile
from .points import moment


def change(database: dict, points: dict, classes: list[str], chosen: Copy, place: str) -> tuple[dict, dict]:
    """The database and the points of a copy, by draws from `chosen.seed`.

    place: said in an InputError, which ends what the data set does not allow.
    """
    check(database, points, classes, chosen, place)
    rng = np.random.default_rng(chosen.seed)
    if chosen.held_back:
        database, points = hold_back(database, points, chosen.held_back, chosen.truth, rng)
    if chosen.points == "uniform":
        points = redraw(database, points, rng)
    points = mislabel(leave_out(points, chosen.missing, rng), classes, chosen.wrong, rng)
    if not any(points.values()):
        raise InputError(
            f"{place}: no point of a training video is left to the copy; lower held_back or missing"
        )
    if chosen.held_back and not any(e["annotations"] for e in database.values() if e["subset"] == "test"):
        raise InputError(
            f"{place}: the held-back videos hold nothing to score; raise held_back or set another seed"
        )
    return database, points


def check(database: dict, points: dict, classes: list[str], chosen: Copy, place: str) -> None:
    """Raise InputError where the data set lacks what the copy needs."""
    needs = []
    if chosen.held_back and chosen.truth == "segments":
        needs.append(("truth: segments", "truth: points"))
    if chosen.points == "uniform":
        needs.append(("points: uniform", "points: given"))
    if needs and not any(database[video]["annotations"] for video in points):
        setting, other = needs[0]
        raise InputError(
            f"{place}: no training video has a segment, which the copy's {setting} needs; "
            f"add segments to the data set's annotations or set {other}"
        )
    if chosen.truth == "points" and not chosen.held_back:
        raise InputError(f"{place}: the copy's truth: points is of held-back videos; set held_back too")
    if chosen.wrong and len(classes) < 2:
        raise InputError(f"{place}: one class alone leaves no other for wrong points; set wrong: 0.0")


def hold_back(
    database: dict, points: dict, share: float, truth: str, rng: np.random.Generator
) -> tuple[dict, dict]:
    """A share of the training videos, at least one, becomes the test split; the own test split goes.

    truth: what a held-back video is scored with: its "segments", or its "points", each as an
    annotation without length, and then without ambiguous segments too.
    """
    train = list(points)
    count = max(1, round(share * len(train)))
    held = {train[i] for i in rng.permutation(len(train))[:count]}
    kept = {}
    for video, entry in database.items():
        if video in held:
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
    return kept, {video: found for video, found in points.items() if video not in held}


def as_annotation(point: dict) -> dict:
    """A point as an annotation without length, in seconds."""
    return {"label": point["label"], "segment": [point["seconds"]] * 2}


def redraw(database: dict, points: dict, rng: np.random.Generator) -> dict:
    """Each point drawn anew, uniformly inside the instance of its class that holds it.

    Of several instances the one whose centre is nearest; a point that none holds stays as it is.
    """
    drawn = {
        video: [redraw_point(point, database[video], rng) for point in found]
        for video, found in points.items()
    }
    return {video: sorted(found, key=lambda p: p["seconds"]) for video, found in drawn.items()}


def redraw_point(point: dict, entry: dict, rng: np.random.Generator) -> dict:
    """One point, drawn anew inside the part of its instance that lies in the video."""
    seconds = point["seconds"]
    holding = [
        a["segment"]
        for a in entry["annotations"]
        if a["label"] == point["label"] and a["segment"][0] <= seconds <= a["segment"][1]
    ]
    if not holding:
        return point
    nearest = min(holding, key=lambda segment: abs(sum(segment) / 2 - seconds))
    return {**point, "seconds": moment(nearest, entry["duration"], "uniform", rng)}


def leave_out(points: dict, share: float, rng: np.random.Generator) -> dict:
    """The points without a share of them, drawn over all videos."""
    chosen = choose(points, share, rng)
    return {
        video: [point for row, point in enumerate(found) if (video, row) not in chosen]
        for video, found in points.items()
    }


def mislabel(points: dict, classes: list[str], share: float, rng: np.random.Generator) -> dict:
    """The points, a share of them with a class drawn uniformly among the others."""
    chosen = choose(points, share, rng)
    return {
        video: [
            {**point, "label": another(point["label"], classes, rng)} if (video, row) in chosen else point
            for row, point in enumerate(found)
        ]
        for video, found in points.items()
    }


def another(label: str, classes: list[str], rng: np.random.Generator) -> str:
    """A class other than `label`."""
    others = [name for name in classes if name != label]
    return others[rng.integers(len(others))]


def choose(points: dict, share: float, rng: np.random.Generator) -> set[tuple[str, int]]:
    """A share, rounded, of all points: {(video, number of the point in it)}."""
    places = [(video, row) for video, found in points.items() for row in range(len(found))]
    return {places[i] for i in rng.choice(len(places), round(share * len(places)), replace=False)}


def link_features(source, videos: list[str], output) -> None:
    """Write a features.h5 whose videos are external links into `source`, so that nothing is stored twice.

    The links hold as long as the two files keep their places to each other.
    """
    with FeatureFile(source) as file:
        attributes = dict(file.file.attrs)
        if missing := sorted(set(videos) - set(file.videos)):
            raise InputError(f"{source}: no features of {missing[0]}; remove the file and convert again")
    target = os.path.relpath(Path(source).resolve(), Path(output).parent.resolve())
    with atomic(output) as temporary, h5py.File(temporary, "w") as file:
        for video in videos:
            file[video] = h5py.ExternalLink(target, f"/{video}")
        file.attrs.update(attributes)
