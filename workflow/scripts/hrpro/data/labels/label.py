"""What readers of labels of other tools and data sets give, and what they share.

A reader has no opinion of videos or classes: it says what stands in a file, in seconds, and where.
"""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ...utils import files
from ...utils.errors import InputError
from ...utils.names import LARGEST, clean, is_number

SIZE = 2**29  # bytes of a file of labels that is read; the largest of data sets have a tenth
MEDIA = (
    r"\.(3gp|avi|flac|flv|m2ts|m4a|m4v|mkv|mov|mp3|mp4|mpeg|mpg|mts|oga|ogg|ogv|ts|wav|webm|wmv)$"  # endings
)


class Label(NamedTuple):
    """An instance or a point; times in seconds from the video's start.

    end: None of a point; at: the place in the file, such as "line 3".
    """

    video: str
    label: str
    start: float
    end: float | None
    at: str


class Faulty(NamedTuple):
    """A place that should say an instance or a point and does not; video: "" where it names none."""

    video: str
    at: str
    what: str
    remedy: str


class Read(NamedTuple):
    """What files say.

    videos: {name: what is said of the video itself: "duration" s, "subset"}, those without labels too.
    """

    labels: list[Label]
    faulty: list[Faulty]
    videos: dict[str, dict]

    def add(self, video: str, label: str, start: float, end: float | None, at: str) -> None:
        """Note an instance or, if `end` is None, a point. Raises Fault."""
        if end is not None and end < start:
            raise Fault(
                f"it ends at {end:g} s, before it starts at {start:g} s", "swap its ends or remove it"
            )
        if not clean(label):
            raise Fault("no class", "expected the name of a class")
        self.videos.setdefault(video, {})
        self.labels.append(Label(video, label, start, end, at))

    @contextlib.contextmanager
    def noting(self, video: str, at: str) -> Iterator[None]:
        """Note a Fault of the block as one at a place."""
        try:
            yield
        except Fault as fault:
            self.faulty.append(Faulty(video, at, *fault.args))


def by_video(read: Read) -> dict[str, list[Label]]:
    """The labels of each video in time order, none of a video without."""
    result = {video: [] for video in read.videos}
    for label in sorted(read.labels, key=lambda label: label.start):
        result[label.video].append(label)
    return result


def nothing() -> Read:
    """What a file without a label says."""
    return Read([], [], {})


class Fault(Exception):
    """What is wrong with an annotation or a point, and the remedy."""


def to_float(text: str) -> float:
    """A number as people write it: not 1_0 or Arabic digits, which Python reads too. Raises ValueError."""
    if not text.isascii() or "_" in text:
        raise ValueError(f"not a number: {text!r}")
    return float(text)


def to_number(value) -> int | float | None:
    """A number, which may be in quotes, that can be one of seconds or frames; None of anything else."""
    if isinstance(value, str):
        try:
            value = to_float(value)
        except ValueError:
            return None
    return value if is_number(value) and abs(value) < LARGEST else None


def time_of(value, what: str = "time", unit: str = "seconds") -> float:
    """A time as it stands in a file; `what` and `unit` are for the Fault, raised where it is no number."""
    number = to_number(value)
    if number is None:
        raise Fault(f"{what} {shortened(value)} is not a number", f"expected {unit}")
    return float(number)


def shortened(value) -> str:
    """A value of a file, for a message."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def text_of(path: Path) -> str:
    """The text of a file. Raises InputError where it is too large, or as `files.read_text` does."""
    require_size(path)
    return files.read_text(path)


def require_size(path: Path) -> None:
    """Raise InputError where a file is larger than files of labels are."""
    if path.is_file() and path.stat().st_size > SIZE:
        raise InputError(f"{path}: larger than {SIZE / 1e6:.0f} MB; split it, or name the right file")


def json_of(path: Path):
    """The value of a JSON file. Raises InputError."""
    return files.parse_json(text_of(path), path)


def video_of(place: str) -> str:
    """The video that the path or address of a film means: its name without folders and ending."""
    name = re.split(r"[/\\]", clean(place))[-1]
    return re.sub(MEDIA, "", name, flags=re.IGNORECASE)


def dumped(value) -> str:
    """A value as the JSON text of a file."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
