"""Label Studio's JSON export of video timelines; times in frames, counted from 1.

The format: labelstud.io/tags/timelinelabels. How many frames a second has is not in the file; it is the
`frameRate` of the project's <Video> (24 where it says none, labelstud.io/tags/video).
"""

import re
from pathlib import Path

from ...utils.errors import InputError
from ...utils.names import class_of
from .label import MEDIA, Fault, Read, by_video, dumped, json_of, nothing, shortened, time_of, video_of

SUFFIXES = (".json",)
KIND = "json"
FRAMES = "the frameRate of the project's <Video>, 24 where it says none"
TIERS = "from_name"
POINTS = True


def recognise(path: Path, content) -> bool:
    """Whether a JSON value is an export: a list of tasks."""
    return isinstance(content, list) and any(
        isinstance(task, dict) and ("annotations" in task or "videoLabels" in task) for task in content
    )


def read(path: Path, fps: float, tiers: list[str] | None) -> Read:
    """The ranges of the tasks' annotations, of frames from the first to the last; see `formats.read`.

    A range of one frame is a point. Annotations that were cancelled are left out, as are predictions.
    """
    content, result = json_of(path), nothing()
    if not recognise(path, content):
        raise InputError(f'{path}: no list of tasks with "annotations"; export JSON from Label Studio')
    for number, task in enumerate(content, 1):
        at = f"task {number}"
        with result.noting("", at):
            video = film_of(task)
            result.videos.setdefault(video, {})
            with result.noting(video, at):
                for row, region in enumerate(regions_of(task), 1):
                    place = f"{at}, region {row}"
                    if tiers is None or region.get("from_name") in tiers:
                        with result.noting(video, place):
                            add(result, video, region.get("value"), fps, place)
    return result


def film_of(task) -> str:
    """The video of a task: its "video", or the only film in its data. Raises Fault."""
    data = task.get("data") if isinstance(task, dict) else None
    data = (
        {key: value for key, value in data.items() if isinstance(value, str)}
        if isinstance(data, dict)
        else {}
    )
    places = [data["video"]] if "video" in data else list(data.values())
    films = [place_of(place) for place in places]
    films = films if "video" in data else [film for film in films if re.search(MEDIA, film, re.IGNORECASE)]
    if len(films) != 1:
        raise Fault(f"{len(films)} films in its data", 'name its film in "video"')
    video = video_of(films[0])
    uploaded = "/upload/" in films[0] and re.match(r"[0-9a-f]{8}-", video)
    return video[9:] if uploaded else video  # Label Studio puts eight digits before the name of an upload


def place_of(address: str) -> str:
    """Where a film lies: an address without its query, which names the place in local storage."""
    local = re.search(r"[?&]d=([^&]*)", address)
    return local[1] if local else address.partition("?")[0]


def regions_of(task: dict) -> list[dict]:
    """The regions on the timeline of a task's one annotation. Raises Fault."""
    if not isinstance(task.get("annotations"), list):
        raise Fault('no "annotations"', "export JSON, not JSON-MIN")
    if not all(isinstance(annotation, dict) for annotation in task["annotations"]):
        raise Fault(f'"annotations" is {shortened(task["annotations"])}', "export JSON, with the annotations")
    annotations = [annotation for annotation in task["annotations"] if not annotation.get("was_cancelled")]
    if len(annotations) > 1:
        raise Fault(f"{len(annotations)} annotations of one film", "keep one")
    results = [annotation.get("result") or [] for annotation in annotations]
    if not all(isinstance(regions, list) for regions in results):
        raise Fault(f'"result" is {shortened(results[0])}', "expected a list of regions; export it anew")
    regions = [region for regions in results for region in regions]
    if not all(isinstance(region, dict) for region in regions):
        raise Fault(f'"result" is {shortened(regions)}', "expected a list of regions; export it anew")
    return [region for region in regions if region.get("type") == "timelinelabels"]


def add(result: Read, video: str, value, fps: float, at: str) -> None:
    """Note the instances of a region. Raises Fault."""
    ranges = value.get("ranges") if isinstance(value, dict) else None
    labels = value.get("timelinelabels") if isinstance(value, dict) else None
    if not isinstance(ranges, list) or not isinstance(labels, list) or not labels:
        raise Fault(f"no ranges with timelinelabels: {shortened(value)}", "export it anew")
    for span in ranges:
        if not isinstance(span, dict):
            raise Fault(f"the range {shortened(span)}", 'expected {"start": frame, "end": frame}')
        first, last = (time_of(span.get(key), f"the range's {key}", "a frame") for key in ("start", "end"))
        start, end = (first - 1) / fps, last / fps
        if last < first:
            raise Fault(f"the range ends at frame {last:g}, before {first:g}", "correct or remove it")
        for label in labels:
            result.add(video, class_of(label) or "", start, None if first == last else end, at)


def write(folder: Path, read: Read, fps: float) -> dict[str, str]:
    """One file of tasks to import. An instance ends with the frame that it ends in."""
    tasks = []
    for video, labels in by_video(read).items():
        regions = []
        for number, label in enumerate(labels, 1):
            first = round(label.start * fps) + 1
            last = first if label.end is None else max(round(label.end * fps), first + 1)
            regions.append(
                {
                    "id": f"r{number}",
                    "type": "timelinelabels",
                    "from_name": "timelineLabels",
                    "to_name": "video",
                    "value": {"ranges": [{"start": first, "end": last}], "timelinelabels": [label.label]},
                }
            )
        tasks.append({"data": {"video": f"{video}.mp4"}, "annotations": [{"result": regions}]})
    return {"labelstudio.json": dumped(tasks)}
