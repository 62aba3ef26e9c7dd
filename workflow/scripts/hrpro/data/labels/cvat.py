"""CVAT's "CVAT for video 1.1" (XML); times in frames of the film, counted from 0.

The format: docs.cvat.ai/docs/manual/advanced/xml_format. How many frames a second has is not in the file.
Frames are the film's own, whatever step the task has (`abs_frame_id` of CVAT's bindings.py).
"""

import re
from pathlib import Path

from ...utils.errors import InputError
from .label import Fault, Read, nothing, shortened, time_of, to_number, video_of
from .xml import Element, parse

SUFFIXES = (".xml",)
KIND = "xml"
FRAMES = "the film's own"


def recognise(path: Path, head: str) -> bool:
    """Whether a file is CVAT's, by its beginning."""
    return "<annotations>" in head and "<meta>" in head


def read(path: Path, fps: float, tiers: list[str] | None) -> Read:
    """The stretches in which tracks are visible, of their labels; see `formats.read`.

    A stretch ends where its track is `outside`, or after its last frame; one of a single frame is a point.
    """
    root, result = parse(path), nothing()
    if root.tag != "annotations" or root.first("meta") is None:
        raise InputError(f"{path}: line {root.line}: no <annotations> with <meta>; export CVAT for video 1.1")
    if image := root.first("image"):
        raise InputError(f"{path}: line {image.line}: CVAT for images; export CVAT for video 1.1")
    tasks = tasks_of(path, root.first("meta"))
    result.videos.update({video: {} for video, _ in tasks.values()})
    for track in root.all("track"):
        at = f"line {track.line}"
        task = track.attributes.get("task_id", "") if len(tasks) > 1 else next(iter(tasks))
        video, step = tasks.get(task, ("", 1))
        with result.noting(video, at):
            if not video:
                raise Fault(f"a track of task {task!r}, which <meta> lacks", "export it anew")
            for first, last in stretches(track, step):
                single = last - first <= step
                label = track.attributes.get("label", "")
                result.add(video, label, first / fps, None if single else last / fps, at)
    return result


def tasks_of(path: Path, meta: Element) -> dict[str, tuple[str, float]]:
    """The tasks of a file by id: video, and step between frames."""
    project = meta.first("project", "tasks")
    alone = [task for task in (meta.first("task") or meta.first("job"),) if task]
    tasks = list(project.all("task")) if project else alone
    result = {}
    for task in tasks:
        source = task.first("source") or meta.first("source") or task.first("name")
        if source is None or not source.text.strip():
            raise InputError(f"{path}: line {task.line}: a task without <source>, its film; name it there")
        said = re.search(r"step\s*=\s*(\d+)", text_of(task, "frame_filter"))
        step = to_number(said[1]) if said else 1
        if not step:
            raise InputError(
                f"{path}: line {task.line}: a frame_filter with {shortened(said[0])}; expected the number of "
                "frames from one to the next"
            )
        result[text_of(task, "id")] = (video_of(source.text), step)
    if not result:
        raise InputError(f"{path}: line {meta.line}: <meta> without a task; export it anew")
    return result


def text_of(element: Element, tag: str) -> str:
    """The text of a child, empty where there is none."""
    child = element.first(tag)
    return child.text.strip() if child else ""


def stretches(track: Element, step: float) -> list[tuple[float, float]]:
    """The stretches of frames in which a track is visible, [first, the first that is not). Raises Fault."""
    result, first, last = [], None, None
    for shape in track.children:
        if "frame" not in shape.attributes:
            continue
        frame = time_of(shape.attributes["frame"], "frame", "a whole number")
        if last is not None and frame <= last:
            raise Fault(f"frame {frame:g} comes after frame {last:g}", "export it anew")
        last = frame
        outside = shape.attributes.get("outside") == "1"
        if outside and first is not None:
            result.append((first, frame))
            first = None
        elif not outside and first is None:
            first = frame
    if first is not None:
        result.append((first, last + step))
    if not result:
        raise Fault("a track that is never visible", "remove it in CVAT")
    return result
