"""Which stages count in the detections of a data set (docs/method.md, section 6.3)."""

from .. import methods
from ..utils import files
from ..utils.errors import InputError


def read(path) -> str:
    """The last stage that counts, by a gate.json; without a path the last one there can be.

    Raises InputError where it is another file.
    """
    if not path:
        return list(methods.STAGES)[-1]
    counts = files.read_json(path, "counts")["counts"]
    if not isinstance(counts, str) or counts not in methods.STAGES:
        names = ", ".join(methods.STAGES)
        raise InputError(f"{path}: counts: {counts!r} is none of {names}; make the file again")
    return counts
