"""ELAN's .eaf: an XML file per recording, times in milliseconds.

The format: EAFv3.0.xsd of mpi.nl/tools/elan. A video is called as its .eaf file is, which ELAN's manual
recommends (mpi.nl/corpus/html/elan/ch01.html).
"""

from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from ...utils.errors import InputError
from ...utils.names import quoted
from .label import Fault, Label, Read, by_video, nothing, time_of
from .xml import Element, parse

SUFFIXES = (".eaf",)
KIND = "xml"
TIERS = "tiers"


def recognise(path: Path, head: str) -> bool:
    """Whether a file is ELAN's, by its beginning."""
    return "<ANNOTATION_DOCUMENT" in head


def read(path: Path, fps: float | None, tiers: list[str] | None) -> Read:
    """The annotations of the tiers, by default of all that are aligned to time; see `formats.read`.

    The class is an annotation's text or, where it has none, the name of its tier.
    """
    root = parse(path)
    if root.tag != "ANNOTATION_DOCUMENT":
        raise InputError(f"{path}: line {root.line}: <{root.tag}>, where ELAN has <ANNOTATION_DOCUMENT>")
    require_milliseconds(path, root)
    video, result = path.stem, nothing()
    result.videos[video] = {}
    slots = {}
    for slot in by_id(path, (root.first("TIME_ORDER") or root).all("TIME_SLOT"), "TIME_SLOT_ID").values():
        slots[slot.attributes.get("TIME_SLOT_ID")] = slot.attributes.get("TIME_VALUE")
    by_name = by_id(path, root.all("TIER"), "TIER_ID")
    if unknown := sorted(set(tiers or ()) - by_name.keys()):
        raise InputError(f"{path}: no tier {unknown[0]!r}; it has {quoted(by_name)}")
    every = annotations_of(root)
    for name, tier in by_name.items():
        if tiers is not None and name not in tiers:
            continue
        for wrapper in tier.all("ANNOTATION"):
            for annotation in wrapper.children:
                aligned = annotation.tag == "ALIGNABLE_ANNOTATION"
                if not aligned and tiers is None:
                    continue  # it says more of another one, in whose tier the instance stands
                at = f"line {annotation.line}"
                with result.noting(video, at):
                    start, end = times_of(annotation, every, slots)
                    value = annotation.first("ANNOTATION_VALUE")
                    text = value.text.strip() if value else ""
                    result.add(video, text or name, start, end if end > start else None, at)
    return result


def require_milliseconds(path: Path, root: Element) -> None:
    """Raise InputError where times are not milliseconds of the film."""
    header = root.first("HEADER")
    if header is None:
        return
    if (unit := header.attributes.get("TIME_UNITS", "milliseconds")) != "milliseconds":
        raise InputError(
            f"{path}: line {header.line}: TIME_UNITS is {unit!r}; save it with a newer ELAN, in milliseconds"
        )
    media = header.first("MEDIA_DESCRIPTOR")
    if media is not None and media.attributes.get("TIME_ORIGIN", "0").strip() not in ("", "0"):
        raise InputError(
            f"{path}: line {media.line}: TIME_ORIGIN, an offset between film and timeline; set it to 0 in "
            "ELAN's Media Synchronization Mode and shift the annotations"
        )


def by_id(path: Path, elements: Iterable[Element], key: str) -> dict[str, Element]:
    """Elements by an attribute. Raises InputError where two have the same."""
    result = {}
    for element in elements:
        name = element.attributes.get(key, "")
        if name in result:
            raise InputError(
                f"{path}: line {element.line}: {key} {name!r}, as on line {result[name].line}; rename one"
            )
        result[name] = element
    return result


def annotations_of(root: Element) -> dict[str, Element]:
    """All annotations by their ids, of which others take their times."""
    return {
        annotation.attributes.get("ANNOTATION_ID", ""): annotation
        for tier in root.all("TIER")
        for wrapper in tier.all("ANNOTATION")
        for annotation in wrapper.children
    }


def times_of(annotation: Element, every: dict[str, Element], slots: dict[str, str]) -> tuple[float, float]:
    """Start and end in seconds; without times, those of the annotation referred to. Raises Fault.

    every: `annotations_of`; what refers to others becomes what it leads to, so that no way is gone twice.
    """
    passed = {}
    while annotation.tag == "REF_ANNOTATION":
        reference = annotation.attributes.get("ANNOTATION_REF", "")
        if reference in passed or reference not in every:
            for key in passed:
                del every[key]
            raise Fault(f"it refers to annotation {reference!r}, which has no time", "correct it in ELAN")
        annotation = passed[reference] = every[reference]
    every.update(dict.fromkeys(passed, annotation))
    times = []
    for key in ("TIME_SLOT_REF1", "TIME_SLOT_REF2"):
        slot = annotation.attributes.get(key, "")
        if slots.get(slot) is None:
            raise Fault(f"time slot {slot!r} has no time", "align the annotation in ELAN")
        times.append(time_of(slots[slot], f"time slot {slot}", "milliseconds") / 1000)
    start, end = times
    if end < start:
        raise Fault(f"it ends at {end:g} s, before it starts at {start:g} s", "correct it in ELAN")
    return start, end


def write(folder: Path, read: Read, fps: float | None) -> dict[str, str]:
    """A file per video, {name: text}; all classes in one tier. Times are rounded to milliseconds."""
    return {f"{video}.eaf": document(labels) for video, labels in by_video(read).items()}


def document(labels: list[Label]) -> str:
    """The text of an .eaf file, of labels in time order."""
    slots, annotations = [], []
    for number, label in enumerate(labels, 1):
        first, second = f"ts{2 * number - 1}", f"ts{2 * number}"
        for slot, seconds in ((first, label.start), (second, label.end)):
            slots.append(f'<TIME_SLOT TIME_SLOT_ID="{slot}" TIME_VALUE="{round(seconds * 1000)}"/>')
        annotations.append(
            f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{number}" TIME_SLOT_REF1="{first}" '
            f'TIME_SLOT_REF2="{second}"><ANNOTATION_VALUE>{escape(label.label)}</ANNOTATION_VALUE>'
            "</ALIGNABLE_ANNOTATION></ANNOTATION>"
        )
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<ANNOTATION_DOCUMENT AUTHOR="" DATE="1970-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">',
        '<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"/>',
        "<TIME_ORDER>",
        *slots,
        "</TIME_ORDER>",
        f'<TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID={quoteattr("actions")}>',
        *annotations,
        "</TIER>",
        '<LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true"/>',
        "</ANNOTATION_DOCUMENT>",
    ]
    return "\n".join(lines) + "\n"
