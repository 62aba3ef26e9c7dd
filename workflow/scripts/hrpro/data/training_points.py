"""The points of a training split, points.json as convert_points.py has written it: reading, checked."""

from collections.abc import Iterable
from typing import NamedTuple

from ..utils import files
from ..utils.errors import InputError
from ..utils.names import LARGEST, is_number, shown

REMEDY = "another file is meant or, if hrpro has made it, remove the file and make it again"


class TrainingPoints(NamedTuple):
    """What a points.json holds.

    classes: names; videos: {training video: [{"label", "seconds"}]} in time order, or without times;
    left_out: what was, as findings of a check.
    """

    classes: list[str]
    videos: dict[str, list[dict]]
    left_out: list[dict]


def read(path, videos: Iterable[str] = (), with_times: bool = True) -> TrainingPoints:
    """The content of a points.json, or of a labels.json, whose points have no times.

    with_times: whether times are needed. Raises InputError where it is another file, or lacks one of the
    `videos`.
    """
    content = files.read_json(path, "classes", "videos")
    classes, points, left_out = content["classes"], content["videos"], content.get("left_out", [])
    if not are_classes(classes):
        raise InputError(f'{path}: "classes" is not a list of names; {REMEDY}')
    if not isinstance(points, dict) or not isinstance(left_out, list):
        raise InputError(f'{path}: "videos" is not an object; {REMEDY}')
    known = set(classes)
    for video, of_video in points.items():
        if not isinstance(of_video, list) or not all(
            is_point(point, known, with_times) for point in of_video
        ):
            raise InputError(
                f"{path}: {shown(video)}: expected a list of "
                f'{{"label": one of the classes, "seconds": number}}; {REMEDY}'
            )
    if video := min(set(videos) - points.keys(), default=None):
        raise InputError(f"{path}: no video {shown(video)}, of which there are features; make both again")
    return TrainingPoints(classes, points, left_out)


def are_classes(value) -> bool:
    """Whether a value is a list of different names."""
    return (
        isinstance(value, list)
        and all(isinstance(name, str) and name for name in value)
        and len(set(value)) == len(value)
    )


def is_point(value, classes: set[str], with_times: bool) -> bool:
    """Whether a value is a point of one of the classes; one without a time, if it needs none."""
    if not isinstance(value, dict) or not isinstance(value.get("label"), str):
        return False
    seconds = value.get("seconds", 0 if not with_times else None)
    has_time = is_number(seconds) and 0 <= seconds < LARGEST
    return value["label"] in classes and has_time
