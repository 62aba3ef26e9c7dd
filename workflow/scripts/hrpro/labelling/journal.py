"""The journal of a labelling: a line per action, on the disk before anybody is told that it is done.

`points.journal.jsonl`: {"id", "video", "add", "remove", "spent", "seen", "by", "at"} per action, in their
order, and {"written": n} where the points' file had been written with all n actions before it.
"""

import contextlib
import datetime
import errno
import json
import os
from pathlib import Path

from ..utils.errors import InputError
from .marks import Action, Refused, action_of, number

CREATED = os.O_RDWR | os.O_CREAT | os.O_APPEND


class Journal:
    """A journal, open to be added to.

    .actions: what it holds; .written: how many of them the points' file held when it was last written.
    """

    def __init__(self, path: Path):
        """Read what is there. Raises InputError where a line is damaged.

        A last line that was not finished is dropped: nobody was told that its action was done.
        """
        self.path = path
        self.actions: list[Action] = []
        self.written = 0
        self.file = os.open(path, CREATED, 0o666)
        content = Path(path).read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        os.truncate(self.file, len(whole))
        for row, line in enumerate(whole.splitlines(), 1):
            try:
                entry = json.loads(line)
                if not isinstance(entry, dict):
                    raise Refused("not an object")
                if "written" in entry:
                    self.written = int(number(entry["written"]))
                else:
                    entry.pop("at", None)
                    self.actions.append(action_of(entry))
            except (ValueError, RecursionError, Refused) as error:
                raise InputError(
                    f"{path}: line {row}: not an action of hrpro-label's ({error}); remove the line, "
                    "or the file and with it all that is not in the points' file"
                ) from None
        flush_folder(path.parent)

    def append(self, actions: list[Action]) -> None:
        """Add actions; they are on the disk when this returns.

        Raises OSError, with none of them added, if they cannot be.
        """
        at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        self.add([{**action._asdict(), "at": at} for action in actions], durable=True)
        self.actions += actions

    def say_written(self) -> None:
        """Add that the points' file holds all actions; lost without harm, so the disk is not waited for."""
        self.written = len(self.actions)
        self.add([{"written": self.written}], durable=False)

    def add(self, entries: list[dict], durable: bool) -> None:
        """Add a line per entry, all of them or none."""
        lines = "".join(json.dumps(e, ensure_ascii=False, allow_nan=False) + "\n" for e in entries).encode()
        size = os.fstat(self.file).st_size
        try:
            if os.write(self.file, lines) < len(lines):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            if durable:
                os.fsync(self.file)
        except OSError:
            os.truncate(self.file, size)
            raise

    def close(self) -> None:
        """Close the file."""
        os.close(self.file)


def flush_folder(folder: Path) -> None:
    """Have the disk know the names of new files; a file system that cannot does without."""
    handle = os.open(folder, os.O_RDONLY)
    with contextlib.suppress(OSError):
        os.fsync(handle)
    os.close(handle)
