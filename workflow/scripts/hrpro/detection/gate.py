"""Which stages count in the detections of a data set (docs/method.md, section 6.3)."""

from ..utils import files
from ..utils.errors import InputError

# Not of `methods`, which is in no digest, so that a change of it would make no gate.json again.
STAGES = ("stage1", "stage2", "stage3")


def read(path) -> str:
    """The last stage that counts, by a gate.json; without a path the last one there can be.

    Raises InputError where it is another file.
    """
    if not path:
        return STAGES[-1]
    counts = files.read_json(path, "counts")["counts"]
    if counts not in STAGES:
        raise InputError(f"{path}: counts: {counts!r} is none of {', '.join(STAGES)}; make the file again")
    return counts
