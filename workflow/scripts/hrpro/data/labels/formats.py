"""The formats of labels by name: which one a file or a folder has, reading it, and writing it.

A module of a format has SUFFIXES of its files; KIND, "xml", "json" or "text"; `recognise(path, content)`, of
the value of a JSON file, else of the beginning of its text; `read(path, fps, tiers) -> Read` of one file. It
may have `write(folder, read, fps) -> {name: text}`; `members` of a folder's files; FRAMES, if its times are
frames: what is known of how many a second has; TIERS, what `tiers` chooses among; POINTS, if it holds points.
"""

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from ...config import LabelFile
from ...utils import files, names
from ...utils.errors import InputError
from . import (
    audacity,
    boris,
    charades,
    cvat,
    elan,
    epic,
    labelstudio,
    mstcn,
    multithumos,
    soccernet,
    table,
    thumos14,
    via,
)
from .label import Faulty, Read, clean, json_of, nothing

# In the order in which they are tried: the surer first.
FORMATS = {
    "elan": elan,
    "cvat": cvat,
    "via": via,
    "labelstudio": labelstudio,
    "soccernet": soccernet,
    "multithumos": multithumos,
    "charades": charades,
    "epic": epic,
    "boris": boris,
    "table": table,
    "audacity": audacity,
    "thumos14": thumos14,
    "mstcn": mstcn,
}
ENDINGS = tuple({suffix.lower() for form in FORMATS.values() for suffix in form.SUFFIXES})  # of their files
HEAD = 2**16  # bytes of a file by which it is recognised


def of(path: Path, settings: LabelFile) -> str | None:
    """The format of a file or folder, as it is named or recognised.

    None of ActivityNet's JSON and of CSV files of points, of what is not there, and of what no format
    recognises. Raises InputError on a folder that no format recognises.
    """
    if settings.format != "auto":
        return settings.format if settings.format in FORMATS else None
    if not path.is_dir():
        return recognise(path) if path.is_file() else None
    for file in visible(path):
        if file.name.lower().endswith(ENDINGS) and (name := recognise(file)):
            return name
    raise InputError(
        f"{path}: no file in it is of a known format; name a file, or its `format` (docs/data.md)"
    )


def recognise(path: Path) -> str | None:
    """The format that a file is of; None of another one."""
    with open(path, "rb") as file:
        head = file.read(HEAD).decode(errors="replace").removeprefix("\ufeff").lstrip()
    if head.startswith("<"):
        kind, content = "xml", head
    elif head.startswith(("{", "[")):
        kind, content = "json", None if '"database"' in head else json_of(path)
    else:
        kind, content = "text", head
    return next((n for n, f in FORMATS.items() if kind == f.KIND and f.recognise(path, content)), None)


def visible(folder: Path) -> list[Path]:
    """The files under a folder that are not hidden; SoccerNet's lie in folders of their own."""
    direct = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    return sorted(direct) or sorted(folder.rglob(soccernet.NAME))


def members(path: Path, form: ModuleType) -> list[Path]:
    """The files of a format: the file itself, or those of a folder. Raises InputError where there is none."""
    if not path.is_dir():
        return [path]
    endings = tuple(suffix.lower() for suffix in form.SUFFIXES)
    chosen = [file for file in visible(path) if file.name.lower().endswith(endings)]
    chosen = form.members(chosen) if hasattr(form, "members") else chosen
    if not chosen:
        raise InputError(
            f"{path}: no file in it ends with {' or '.join(form.SUFFIXES)}; name the right folder"
        )
    return chosen


def files_of(path: Path, settings: LabelFile) -> list[Path]:
    """The files that labels are read from. Raises InputError as `of` and `members` do."""
    name = of(path, settings)
    return members(path, FORMATS[name]) if name else [path]


def read(path: Path, name: str, settings: LabelFile) -> Read:
    """What the files of a format say, without the classes that `settings.ignore` names.

    Videos are called as in the files, without folders and the endings of films. Raises InputError on what is
    no file of the format, and where `fps` or `tiers` lack or are out of place.
    """
    form = FORMATS[name]
    require_base(path, name, settings)
    result, ignored = nothing(), {clean(label) for label in settings.ignore}
    for file in members(path, form):
        part = form.read(file, settings.fps, settings.tiers)
        inside = "" if file == path else f"{file.relative_to(path)}, "
        labels = [lb for lb in part.labels if clean(lb.label) not in ignored]
        result.labels.extend(lb._replace(at=f"{inside}{lb.at}") for lb in labels)
        result.faulty.extend(fault._replace(at=f"{inside}{fault.at}") for fault in part.faulty)
        for video, about in part.videos.items():
            result.videos[video] = result.videos.get(video, {}) | about
    if settings.tiers and not (result.labels or result.faulty):
        raise InputError(
            f"{path}: nothing in {names.quoted(settings.tiers)}, which `tiers` names; correct it"
        )
    return result


def require_base(path: Path, name: str, settings: LabelFile) -> None:
    """Raise InputError where a format lacks the frame rate of its times, or has no use for a setting."""
    form = FORMATS[name]
    frames = getattr(form, "FRAMES", None)
    if frames and settings.fps is None:
        raise InputError(f"{path}: the times of {name} are frames; set `fps` beside its `file` ({frames})")
    if not frames and settings.fps is not None:
        raise InputError(f"{path}: the times of {name} are no frames; remove `fps`")
    if settings.tiers is not None and not hasattr(form, "TIERS"):
        raise InputError(f"{path}: {name} has no tiers; remove `tiers`")


def require_others(outputs: Iterable[Path], sources: Iterable[Path]) -> None:
    """Raise InputError where an output is a file that labels were read from."""
    sources = {source.resolve() for source in sources}
    for output in outputs:
        if output.resolve() in sources:
            raise InputError(f"{output}: is an input too; name another output")


def stop(path: Path, faulty: list[Faulty]) -> None:
    """Raise InputError on the first of what could not be read, if anything is."""
    for fault in faulty[:1]:
        place = f"{path}: {fault.at}" + (f": {fault.video}" if fault.video else "")
        more = f" ({len(faulty)} such)" if len(faulty) > 1 else ""
        raise InputError(f"{place}: {fault.what}; {fault.remedy}{more}")


def write(path: Path, name: str, read: Read, fps: float | None, sources: Iterable[Path] = ()) -> list[Path]:
    """Write labels in a format: one file, or a folder of files where the format has one per video or class.

    sources: files that they were read from, none of which is written over. Returns the files. Raises
    InputError where the format cannot hold them.
    """
    form = FORMATS[name]
    if not hasattr(form, "write"):
        known = ", ".join(n for n, f in FORMATS.items() if hasattr(f, "write"))
        raise InputError(f"{path}: {name} is read, not written; written are {known}")
    if hasattr(form, "FRAMES") and fps is None:
        raise InputError(f"{path}: the times of {name} are frames; say how many a second has by --fps")
    points = [label for label in read.labels if label.end is None]
    if points and not getattr(form, "POINTS", False):
        raise InputError(
            f"{path}: {points[0].video}: a point at {points[0].start:g} s, but {name} has instances alone; "
            "write table"
        )
    texts = form.write(path, read, fps)
    one_file = path.suffix.lower() in form.SUFFIXES
    if one_file and len(texts) != 1:
        raise InputError(f"{path}: {name} needs {len(texts)} files; name a folder, without an ending")
    for file in texts:
        if reason := names.fault_of(file):
            raise InputError(f"{path}: {names.shown(file)} cannot be a file's name: it {reason}; rename it")
    paths = {(path if one_file else path / file): text for file, text in texts.items()}
    require_others(paths, sources)
    with files.together():
        for file, text in paths.items():
            files.write_text(file, text)
    return list(paths)
