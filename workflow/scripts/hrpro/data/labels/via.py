"""VGG Image Annotator 3's projects (JSON) of videos; times in seconds.

The format: via-3.x.y/CodeDoc.md and src/js/_via_attribute.js of gitlab.com/vgg/via; a temporal segment is a
metadatum with two times and no shape, and its class the value of an attribute anchored at FILE1_Z2_XY0.
"""

from pathlib import Path

from ...utils.errors import InputError
from ...utils.names import class_of, quoted
from .label import Fault, Read, dumped, json_of, nothing, shortened, time_of, video_of

SUFFIXES = (".json",)
KIND = "json"
TIERS = "attributes"
SEGMENT = "FILE1_Z2_XY0"  # the anchor of attributes of temporal segments
CHECKBOX = 2  # the type of attributes with several options at once
PARTS = ("project", "metadata", "attribute", "file", "view")


def recognise(path: Path, content) -> bool:
    """Whether a JSON value is a project."""
    return isinstance(content, dict) and all(isinstance(content.get(part), dict) for part in PARTS)


def read(path: Path, fps: float | None, tiers: list[str] | None) -> Read:
    """The temporal segments, by default with the values of all attributes of such; see `formats.read`."""
    content, result = json_of(path), nothing()
    if not recognise(path, content):
        raise InputError(f"{path}: not a project with {', '.join(PARTS)}; save it anew")
    attributes = {
        key: a
        for key, a in content["attribute"].items()
        if isinstance(a, dict) and a.get("anchor_id") == SEGMENT
    }
    names = {key: str(attribute.get("aname")) for key, attribute in attributes.items()}
    if unknown := sorted(set(tiers or ()) - set(names.values())):
        raise InputError(f"{path}: no attribute {unknown[0]!r} of segments; it has {quoted(names.values())}")
    films = {}
    for view, about in content["view"].items():
        with result.noting("", f"view {view}"):
            films[view] = film_of(about, content["file"])
            result.videos.setdefault(films[view], {})
    for key, datum in content["metadata"].items():
        at = f"metadata {key}"
        times = datum.get("z") if isinstance(datum, dict) else None
        if isinstance(times, list) and len(times) != 2:
            continue  # of the whole film, or of a region in a frame
        video = films.get(str(datum.get("vid")), "") if isinstance(datum, dict) else ""
        with result.noting(video, at):
            if not video:
                raise Fault("it is of no view", "save the project anew")
            if not isinstance(times, list):
                raise Fault(f'"z" is {shortened(times)}', "expected [start, end] in seconds")
            start, end = (time_of(time) for time in times)
            for attribute, value in values_of(datum).items():
                if attribute in names and (tiers is None or names[attribute] in tiers):
                    for label in classes_of(attributes[attribute], value):
                        result.add(video, label, start, end, at)
    return result


def film_of(view, films: dict) -> str:
    """The video of a view. Raises Fault."""
    files = view.get("fid_list") if isinstance(view, dict) else None
    film = films.get(str(files[0])) if isinstance(files, list) and len(files) == 1 else None
    if not isinstance(film, dict) or not isinstance(film.get("fname"), str):
        raise Fault(f"not one film: {shortened(files)}", "put each film into a view of its own")
    return video_of(film["fname"])


def classes_of(attribute: dict, value: str) -> list[str]:
    """What a value of an attribute says: itself, or the options that it chooses, of checkboxes several.

    Empty for what is no name.
    """
    options = attribute.get("options")
    options = options if isinstance(options, dict) else {}
    keys = value.split(",") if attribute.get("type") == CHECKBOX else [value]
    return [class_of(options.get(key, key)) or "" for key in keys]


def values_of(datum: dict) -> dict[str, str]:
    """The values of a segment's attributes. Raises Fault where it has none."""
    values = datum.get("av")
    values = {str(key): class_of(value) for key, value in values.items()} if isinstance(values, dict) else {}
    if not any(values.values()):
        raise Fault("a segment without a class", "choose one in VIA or remove it")
    return {key: value for key, value in values.items() if value}


def write(folder: Path, read: Read, fps: float | None) -> dict[str, str]:
    """One project; the films are looked for where VIA's settings say."""
    classes = sorted({label.label for label in read.labels})
    numbers = {video: str(number) for number, video in enumerate(read.videos, 1)}
    prefix = {"1": "", "2": "", "3": "", "4": ""}
    attribute = {
        "aname": "Action",
        "anchor_id": SEGMENT,
        "type": 4,
        "desc": "",
        "options": {str(key): name for key, name in enumerate(classes, 1)},
        "default_option_id": "",
    }
    project = {
        "project": {
            "pid": "__VIA_PROJECT_ID__",
            "rev": "__VIA_PROJECT_REV_ID__",
            "rev_timestamp": "__VIA_PROJECT_REV_TIMESTAMP__",
            "pname": "hrpro",
            "data_format_version": "3.1.1",
            "creator": "hrpro",
            "created": 0,
            "vid_list": list(numbers.values()),
        },
        "config": {"file": {"loc_prefix": prefix}, "ui": {"file_content_align": "center"}},
        "attribute": {"1": attribute},
        "file": {
            key: {"fid": key, "fname": f"{video}.mp4", "type": 4, "loc": 1, "src": ""}
            for video, key in numbers.items()
        },
        "metadata": {
            f"{numbers[label.video]}_{number}": {
                "vid": numbers[label.video],
                "flg": 0,
                "z": [label.start, label.end],
                "xy": [],
                "av": {"1": str(classes.index(label.label) + 1)},
            }
            for number, label in enumerate(read.labels, 1)
        },
        "view": {key: {"fid_list": [key]} for key in numbers.values()},
    }
    return {"via.json": dumped(project)}
