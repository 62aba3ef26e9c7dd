"""The entries of a data set's annotations, in whichever format they are."""

from pathlib import Path

from ..config import Annotations, LabelFile, VideoNames
from ..utils.errors import InputError
from ..utils.progress import log
from . import annotations
from .labels import formats


def read(path: Path, settings: Annotations, names: VideoNames) -> dict[str, object]:
    """As `annotations.read_entries`, of a file or folder in any format; points are left out, with a warning.

    The annotations of other formats are Labels and Faultys. Raises InputError where they hold points alone.
    """
    form = formats.of(path, settings)
    if form is None:
        require_no_setting(path, settings)
        return annotations.read_entries(path, names)
    read = formats.read(path, form, settings)
    formats.stop(path, [fault for fault in read.faulty if not fault.video])
    entries = {}
    for name, about in read.videos.items():
        entries.setdefault(names.of(name), {"annotations": []}).update(about)
    points = [label for label in read.labels if label.end is None]
    if points and len(points) == len(read.labels):
        raise InputError(f"{path}: {form} with points alone; name it under `points`")
    if points:
        log.warning("%s: left out %d points, which are no annotations (%s)", path, len(points), points[0].at)
    for label in [*read.faulty, *(label for label in read.labels if label.end is not None)]:
        entries.setdefault(names.of(label.video), {"annotations": []})["annotations"].append(label)
    return entries


def require_no_setting(path, settings: LabelFile) -> None:
    """Raise InputError where a file of hrpro's own formats has settings of others."""
    values = {"fps": settings.fps, "tiers": settings.tiers, "ignore": settings.ignore or None}
    for key in (key for key, value in values.items() if value is not None):
        raise InputError(f"{path}: {key} is of labels of other tools; remove it, or name the file's `format`")
