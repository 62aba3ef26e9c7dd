"""Marks on videos, and the actions that add and remove them: all that a labelling holds.

A mark is a tuple: ("point", seconds, class), ("unsure", start, end) and ("rejected", start, end, class), of a
detection that is none, in seconds since the video's first frame, ("nothing",) of a video without actions, or
("class", name) of no video, which is the video "". A video's marks are a set, so that an action done twice is
done once.
"""

from typing import NamedTuple

from ..utils.names import LARGEST, clean, shown, unprintable

Mark = tuple
Marks = dict[str, dict[Mark, None]]  # by video, in the order in which they were added

NOTHING = ("nothing",)
DECIMALS = 6  # of seconds
LONGEST_CLASS = 100  # characters
LONGEST_BREAK = 3600.0  # seconds: more between two actions is no labelling


class Refused(Exception):
    """An action that does not go with what is marked, or that is none; the message is for the page."""


class Action(NamedTuple):
    """What is added to and removed from a video's marks at once.

    id: the sender's, by which an action sent twice is known; spent: seconds of labelling since the last
    one; seen: the share of the video that had been shown by then; by: "page", or "file" for what another
    program has written into the points' file.
    """

    id: str
    video: str
    add: tuple[Mark, ...] = ()
    remove: tuple[Mark, ...] = ()
    spent: float = 0.0
    seen: float = 0.0
    by: str = "page"


def action_of(value) -> Action:
    """The action that JSON's lists and objects stand for. Raises Refused where they are none."""
    if not isinstance(value, dict) or value.keys() - set(Action._fields):
        raise Refused("not an action")
    id, video, by = value.get("id"), value.get("video"), value.get("by", "page")
    if not (isinstance(id, str) and 0 < len(id) <= 100 and isinstance(video, str) and by in ("page", "file")):
        raise Refused("an action without id or video")
    if unprintable(id + video):
        raise Refused("a control character in an action's id or video")
    lists = [value.get("add", []), value.get("remove", [])]
    if not all(isinstance(marks, list) for marks in lists):
        raise Refused("an action's marks are not a list")
    add, remove = (tuple(map(mark_of, marks)) for marks in lists)
    if any((mark[0] == "class") != (video == "") for mark in (*add, *remove)):
        raise Refused("classes belong to no video, and all else to one")
    spent = min(number(value.get("spent", 0)), LONGEST_BREAK)
    return Action(id, video, add, remove, spent, min(number(value.get("seen", 0)), 1.0), by)


def mark_of(value) -> Mark:
    """The mark that a list of JSON's stands for. Raises Refused where it is none."""
    match value:
        case ["point", seconds, label]:
            return ("point", number(seconds), class_of(label))
        case ["unsure", start, end]:
            return ("unsure", *stretch(start, end))
        case ["rejected", start, end, label]:
            return ("rejected", *stretch(start, end), class_of(label))
        case ["nothing"]:
            return NOTHING
        case ["class", label]:
            return ("class", class_of(label))
    raise Refused("not a mark")


def stretch(start, end) -> tuple[float, float]:
    """Two different times, the earlier one first. Raises Refused if they are none."""
    start, end = sorted((number(start), number(end)))
    if start == end:
        raise Refused("a stretch without length")
    return start, end


def number(value) -> float:
    """A number from 0 to LARGEST, to six decimals. Raises Refused if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LARGEST:
        raise Refused(f"{value!r:.40} is not a number from 0 to {LARGEST:g}")
    return round(float(value), DECIMALS)


def class_of(value) -> str:
    """The name of a class in its one form. Raises Refused if it cannot be one."""
    label = clean(value) if isinstance(value, str) else ""
    if not label:
        raise Refused("a class needs a name")
    if unprintable(label) or len(label) > LONGEST_CLASS:
        raise Refused(f"a class cannot be called {shown(label)}")
    return label


def check(marks: Marks, action: Action) -> None:
    """Raise Refused where an action does not go with the marks, changed by another tab or program."""
    present = marks.get(action.video, {})
    gone = [mark for mark in action.remove if mark not in present]
    if gone:
        raise Refused(f"{described(gone[0])} has been changed elsewhere meanwhile")
    after = (present.keys() - set(action.remove)) | set(action.add)
    if NOTHING in after and any(mark[0] == "point" for mark in after):
        if NOTHING in action.add:
            raise Refused("the video has points, so something happens here; remove them first")
        raise Refused("the video has been marked as one where nothing happens meanwhile")


def apply(marks: Marks, action: Action) -> None:
    """Do what an action says; what is there, or gone, already stays so."""
    present = marks.setdefault(action.video, {})
    for mark in action.remove:
        present.pop(mark, None)
    for mark in action.add:
        present.setdefault(mark)
    if not present:
        del marks[action.video]


def described(mark: Mark) -> str:
    """A mark in the page's words."""
    match mark:
        case ("point", seconds, label):
            return f"the point of {label} at {seconds:.2f} s"
        case ("unsure", start, end):
            return f"the unsure stretch from {start:.2f} to {end:.2f} s"
        case ("rejected", start, end, label):
            return f"the rejection of {label} from {start:.2f} to {end:.2f} s"
        case ("class", label):
            return f"the class {label}"
    return "that nothing happens here"
