"""Faults in a data set's own files: all of a kind at once, which stop the run or are left out."""

from ..config import OnFault
from ..utils.errors import InputError
from ..utils.names import listed, quoted
from ..utils.progress import log


class Faults:
    """The faults that reading a data set's files has met, by file and remedy.

    on_fault: "stop", or "leave_out" as a data set's entry may say; None where no entry can say it.
    """

    def __init__(self, on_fault: OnFault | None = None):
        self.on_fault = on_fault
        self.kinds: dict[tuple, list[tuple[str, str]]] = {}

    def add(self, path, place: str, what: str, *, remedy: str) -> None:
        """Note what is wrong at a place of a file; faults of one file with one remedy are of one kind."""
        self.kinds.setdefault((path, remedy), []).append((place, what))

    def stop(self) -> None:
        """Raise InputError on the first kind of fault, unless faults are left out."""
        if self.on_fault == "leave_out" or not self.kinds:
            return
        other = ", or leave it out by `on_fault: leave_out` in the data set's entry" if self.on_fault else ""
        raise InputError("{place}: {what}; {remedy}".format(**self.told()[0]) + other)

    def told(self) -> list[dict[str, str]]:
        """The kinds of faults as findings of a check: {"place", "what", "remedy"}."""
        return [
            {"place": str(path), "what": summary(faults), "remedy": remedy}
            for (path, remedy), faults in self.kinds.items()
        ]

    def warn(self) -> None:
        """Say what has been left out, a line per kind."""
        for (path, _), faults in self.kinds.items():
            log.warning("%s: left out %d: %s", path, len(faults), summary(faults))


def together(errors: dict[str, InputError]) -> InputError:
    """One error for those of several videos: the first, how many videos have one, and which."""
    first, *others = errors.values()
    if not others:
        return first
    return InputError(f"{first} ({len(errors)} videos have a fault: {quoted(errors)})")


def summary(faults: list[tuple[str, str]]) -> str:
    """The first of some (place, what), how many there are, and where."""
    place, what = faults[0]
    if not faults[1:]:
        return f"{place}: {what}"
    return f"{place}: {what} ({len(faults)} such: {listed(place for place, _ in faults)})"
