"""Names of videos and classes: one form of each, whichever file they stand in; and names in messages."""

import json
import math
import re
import unicodedata
from collections.abc import Iterable

LONGEST = 200  # bytes of a video's name, which is a part of names of files: those have up to 255
NAMED = 5  # names, or places, that a message lists
LARGEST = 1e9  # seconds or frames; no video has more
AFFIX = 20  # letters of the longest prefix or suffix that a message advises


def clean(text: str) -> str:
    """A name in its one form: Unicode's NFC, without blanks at its ends.

    Nor has it a byte-order mark, which stands amid a file that was joined of two.
    """
    return unicodedata.normalize("NFC", text.replace("\ufeff", "")).strip()


def class_of(label) -> str | None:
    """The name of a class; of some data sets they are numbers. None where it cannot be one."""
    if is_number(label):
        return str(int(label) if label == int(label) else label)
    return clean(label) if isinstance(label, str) else None


def is_number(value) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def fault_of(video: str) -> str | None:
    """Why no file can be called as a video is; None where one can."""
    if not video:
        return "is empty"
    if video in (".", ".."):
        return "is that of a folder"
    if "/" in video:
        return "has a slash"
    if unprintable(video):
        return "has a control character"
    if len(video.encode()) > LONGEST:
        return f"is longer than {LONGEST} bytes"
    return None


def unprintable(name: str) -> bool:
    """Whether a name has a control character, a line break among them, or half of a character."""
    if name.isprintable():
        return False
    return any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name)


def shown(name: str) -> str:
    """A name for a message: in quotes, on one line, not too long."""
    return repr(name) if len(name) <= LONGEST else f"{name[:40]!r}..."


def quoted(names: Iterable[str]) -> str:
    """The first few of some names, each in quotes, and how many there are besides."""
    return listed(map(shown, names)) or "none"


def listed(places: Iterable[str]) -> str:
    """The first few of some places, and how many there are besides."""
    places = list(places)
    more = len(places) - NAMED
    return ", ".join(places[:NAMED]) + (f" and {more} more" if more > 0 else "")


def near(name: str, known: Iterable[str]) -> str | None:
    """The name that was most likely meant: with an ending or a beginning more or less, or spelt alike.

    Such as v_x or x.mp4 for x; but not x1, which may well be another video.
    """
    ranked = sorted((abs(len(other) - len(name)), other) for other in set(known) - {name, ""})
    for _, other in ranked:
        longer, shorter = sorted((name, other), key=len, reverse=True)
        before, inside, after = longer.partition(shorter)
        if (inside and stands_apart(before[-1:], after[:1])) or folded(name) == folded(other):
            return other
    return None


def stands_apart(before: str, after: str) -> bool:
    """Whether the letters beside a part of a name, if there are any, are a separator's."""
    return not before.isalnum() and not after.isalnum()


def folded(name: str) -> str:
    """A name without what people spell differently: case, blanks and punctuation."""
    return re.sub(r"[\W_]+", "", name).casefold() or name


def hint(name: str, known: Iterable[str]) -> str:
    """A part of a message: the near name, if there is one, and the setting that makes the two one."""
    other = near(name, known)
    if other is None:
        return ""
    longer, shorter = sorted((name, other), key=len, reverse=True)
    before, inside, after = longer.partition(shorter)
    affixes = {"prefix": before, "suffix": after} if inside else {}
    setting = ", ".join(f"{key}: {in_yaml(affix)}" for key, affix in affixes.items() if affix)
    if not setting or len(before + after) > AFFIX:
        return f"; there is {shown(other)}"
    return f"; there is {shown(other)}, which `names: {{{setting}}}` in the data set's entry makes the same"


def in_yaml(affix: str) -> str:
    """A prefix or suffix as YAML reads it for text within braces: in quotes, unless it is plain."""
    plain = re.fullmatch(r"[._]?[^\W\d_][\w-]*", affix)
    return affix if plain else json.dumps(affix, ensure_ascii=False)
