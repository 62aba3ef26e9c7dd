"""THUMOS14's text files, one per class, and MultiTHUMOS's: lines "video start end" in seconds.

The layouts: TH14_Temporal_annotations_{validation,test}.zip of crcv.ucf.edu/THUMOS14 (<Class>_val.txt,
<Class>_test.txt) and the annotations of ai.stanford.edu/~syyeung/everymoment.html (<Class>.txt). The file
names the class, and its ending, else the video's name, the subset.
"""

import re
from pathlib import Path

from ...utils.errors import InputError
from .label import Fault, Read, nothing, text_of, time_of

SUFFIXES = (".txt",)
KIND = "text"
# Of files that are written; THUMOS14 is trained on its validation videos.
ENDINGS = {"training": "_val", "train": "_val", "validation": "_val", "testing": "_test", "test": "_test"}
SUBSETS = {"val": "validation", "validation": "validation", "test": "test"}


def recognise(path: Path, head: str) -> bool:
    """Whether a text has lines of a video, blanks and two numbers."""
    lines = [line for line in head.splitlines()[:-1] or head.splitlines() if line.strip()]
    return bool(lines) and all(re.fullmatch(r"\s*\S+\s+[-+.\deE]+\s+[-+.\deE]+\s*", line) for line in lines)


def members(files: list[Path]) -> list[Path]:
    """The files of classes: not the list of them, nor THUMOS14's ambiguous segments."""
    others = ("ambiguous", "class_list", "detclasslist", "readme")
    return [path for path in files if not path.stem.lower().startswith(others)]


def read(path: Path, fps: float | None, tiers: list[str] | None) -> Read:
    """The instances of a class; see `formats.read`."""
    label, subset = label_of(path.stem)
    result = nothing()
    for row, line in enumerate(text_of(path).splitlines(), 1):
        if not line.strip():
            continue
        video, *times = line.split()
        with result.noting(video, f"line {row}"):
            if len(times) != 2:
                raise Fault(f"{len(times) + 1} words", "expected: video start end")
            start, end = (time_of(time) for time in times)
            result.add(video, label, start, end, f"line {row}")
            of_name = re.search(r"_(validation|test)_", video)
            if named := SUBSETS.get(subset or (of_name[1] if of_name else "")):
                result.videos[video]["subset"] = named
    return result


def label_of(stem: str) -> tuple[str, str]:
    """The class that a file is of by its name without .txt, and its subset, empty where it says none."""
    label, _, subset = stem.rpartition("_")
    return (label, subset) if label and subset in SUBSETS else (stem, "")


def write(folder: Path, read: Read, fps: float | None) -> dict[str, str]:
    """A file per class and, where it is known, subset; videos without an instance are not in them."""
    texts = {}
    for label in sorted(read.labels, key=lambda lb: (lb.label, lb.video, lb.start)):
        subset = read.videos.get(label.video, {}).get("subset")
        ending = ENDINGS.get((subset or "").lower(), "")
        if re.search(r"\s", label.video):
            raise InputError(
                f"{label.video!r}: the name of a video ends at a blank here; write another format"
            )
        name = f"{label.label}{ending}.txt"
        if label_of(name.removesuffix(".txt"))[0] != label.label or not members([Path(name)]):
            raise InputError(
                f"class {label.label!r}: {name} would be read as something else; rename the class, or write "
                "another format"
            )
        texts[name] = texts.get(name, "") + f"{label.video} {label.start:.10g} {label.end:.10g}\n"
    return texts
