"""What has been labelled: the points' file, what does not fit into it, and the journal that both follow from.

`points.csv` holds video,seconds,class and nothing else, as data/points.py reads it; `points.more.json` the
classes, the videos where nothing happens, the unsure stretches, rejected detections and the seconds spent;
`points.journal.jsonl` every action (journal.py). An action is in the journal, then in the files, then
confirmed. Another program may write points.csv at any time: what it has changed becomes an action too.
"""

import csv
import io
import itertools
import threading
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..data import points
from ..data.labels import tables
from ..utils import files, locks
from ..utils.errors import InputError
from ..utils.progress import log
from .journal import Journal
from .marks import NOTHING, Action, Marks, Refused, apply, check, mark_of

HEADER = list(points.PLAIN.columns)


class Store:
    """The labels of a points' file; its methods may be called from several threads."""

    def __init__(self, path, classes: Iterable[str] = ()):
        """Read a labelling, or begin one; classes: those that it has at least.

        Raises InputError where a file of it is damaged, or another process labels into it.
        """
        self.path = Path(path).resolve()
        if self.path.suffix != ".csv":
            raise InputError(f"{path}: expected the name of a CSV file, such as points.csv")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        journal = self.path.with_suffix(".journal.jsonl")
        try:
            self.lock = locks.acquire(journal)
        except BlockingIOError:
            raise InputError(f"{path}: another hrpro-label writes it; use its page or stop it") from None
        self.mutex = threading.Lock()
        self.journal = Journal(journal)
        self.marks: Marks = {}
        self.spent: dict[str, float] = {}
        self.seen: dict[str, float] = {}
        self.ids: set[str] = set()
        self.rows: dict[str, str] = {}  # of the points' file, per video
        self.other: dict = {}
        for action in self.actions:
            self.take(action)
        self.oldest = min(self.journal.written, len(self.actions))  # the points' file may be as of then
        self.stamp = None
        with self.mutex:
            self.refresh()
            self.oldest = len(self.actions)
            named = tuple(("class", label) for label in classes)
            if not set(named) <= self.marks.get("", {}).keys():
                self.record([Action(new_id(), "", add=named)])
            self.write()

    @property
    def actions(self) -> list[Action]:
        """All actions in their order."""
        return self.journal.actions

    def act(self, action: Action) -> None:
        """Do an action; it is on the disk when this returns, and done once however often it is sent.

        Raises Refused where it does not go with what is marked by now, InputError where another program has
        left the points' file unreadable, and OSError where the disk refuses; it is not confirmed then.
        """
        with self.mutex:
            self.refresh()
            if action.id not in self.ids:
                check(self.marks, action)
                self.record([action])
            self.write()

    def look(self) -> None:
        """Take over what another program has written since. Raises InputError where it cannot be read."""
        with self.mutex:
            self.refresh()

    def since(self, version: int) -> tuple[int, list[Action]]:
        """How many actions there have been, and those after the first `version`."""
        with self.mutex:
            return len(self.actions), self.actions[version:]

    def snapshot(self) -> dict:
        """All that is labelled, and the version that it is, for JSON."""
        with self.mutex:
            return {
                "version": len(self.actions),
                "marks": {video: list(marks) for video, marks in self.marks.items() if video},
                "classes": classes_of(self.marks),
                "spent": dict(self.spent),
                "seen": dict(self.seen),
            }

    def labelled(self) -> set[str]:
        """The videos with a point, or in which nothing happens."""
        with self.mutex:
            return {
                video
                for video, marks in self.marks.items()
                if any(mark[0] in ("point", "nothing") for mark in marks)
            }

    def close(self) -> None:
        """Write what is left to write, and let others label."""
        with self.mutex:
            self.write_other()
            self.journal.close()
            locks.release(self.lock)

    # The following are called with the mutex held.

    def record(self, actions: list[Action]) -> None:
        """Put actions into the journal, each as what it changes, then do them."""
        changes = [changing(self.marks, action) for action in actions]
        self.journal.append(changes)
        for action in changes:
            self.take(action)

    def take(self, action: Action) -> None:
        """Do an action of the journal's."""
        apply(self.marks, action)
        self.ids.add(action.id)
        self.rows.pop(action.video, None)
        if action.video:
            self.spent[action.video] = self.spent.get(action.video, 0.0) + action.spent
            self.seen[action.video] = max(self.seen.get(action.video, 0.0), action.seen)

    def write(self) -> None:
        """Write the files where they are behind the journal."""
        if self.journal.written < len(self.actions) or not self.path.exists():
            files.write_text(self.path, self.text())
            self.stamp = stamp_of(self.path)
            self.journal.say_written()
        if self.other != (other := other_marks(self.marks)):
            self.other = other
            self.write_other()

    def text(self) -> str:
        """The points' file: its rows by video, time and class."""
        for video in self.marks.keys() - self.rows.keys():
            self.rows[video] = rows_of(video, self.marks[video])
        return rows([HEADER]) + "".join(text for _, text in sorted(self.rows.items()))

    def write_other(self) -> None:
        """Write the other file, with the time spent so far."""
        spent = {video: round(seconds, 1) for video, seconds in sorted(self.spent.items())}
        path = self.path.with_suffix(".more.json")
        files.write_json(path, {**self.other, "seconds_spent": spent}, indent=1)

    def refresh(self) -> None:
        """Make what another program has changed in the points' file an action per video.

        An editor may have had an older state open meanwhile. So the change is that from the one of our
        states, since we write the file, from which the file differs least.
        """
        stamp = stamp_of(self.path)
        if stamp == self.stamp:
            return
        present = points_of(self.marks)
        if stamp is None:  # `write` makes it again
            if present:
                log.warning("%s: gone; made again from %s", self.path, self.journal.path.name)
            self.stamp = None
            return
        written = read(self.path)
        difference = written ^ present
        edits = set(difference)
        for action in reversed(self.actions[self.oldest :]):
            difference ^= {(action.video, m) for m in (*action.add, *action.remove) if m[0] == "point"}
            if len(difference) < len(edits):
                edits = set(difference)
        self.record([*edits_of(edits, written=written, present=present, marks=self.marks)])
        self.stamp = stamp
        if points_of(self.marks) == written:
            self.journal.say_written()


def changing(marks: Marks, action: Action) -> Action:
    """An action without what it does not change: what is there already, and what it both adds and removes."""
    present = marks.get(action.video, {})
    add = tuple(m for m in dict.fromkeys(action.add) if m not in present)
    remove = tuple(m for m in dict.fromkeys(action.remove) if m in present and m not in action.add)
    return action._replace(add=add, remove=remove)


def edits_of(
    edits: set[tuple], *, written: set[tuple], present: set[tuple], marks: Marks
) -> Iterator[Action]:
    """An action per video of what another program has changed; points as (video, mark).

    edits: what it has added or removed, of those written by it; present: what there is.
    """
    added, removed = edits & (written - present), edits & (present - written)
    for video, every in itertools.groupby(sorted(added | removed), key=lambda point: point[0]):
        every = list(every)
        add = [mark for _, mark in every if (video, mark) in added]
        remove = [mark for _, mark in every if (video, mark) in removed]
        if add and NOTHING in marks.get(video, {}):
            remove.append(NOTHING)
        yield Action(new_id(), video, tuple(add), tuple(remove), by="file")


def new_id() -> str:
    """An id for an action."""
    return uuid.uuid4().hex


def points_of(marks: Marks) -> set[tuple]:
    """All points, as (video, mark)."""
    return {(video, mark) for video, every in marks.items() for mark in every if mark[0] == "point"}


def classes_of(marks: Marks) -> list[str]:
    """The classes: those that were named, in that order, then those of other points."""
    named = [label for _, label in marks.get("", {})]
    pointed = {mark[2] for every in marks.values() for mark in every if mark[0] == "point"}
    return list(dict.fromkeys([*named, *sorted(pointed)]))


def other_marks(marks: Marks) -> dict:
    """What the points' file has no column for."""

    def of_kind(kind: str, *fields: str) -> list[dict]:
        rows = sorted((v, *mark[1:]) for v, every in marks.items() for mark in every if mark[0] == kind)
        return [dict(zip(("video", *fields), row, strict=True)) for row in rows]

    return {
        "classes": classes_of(marks),
        "nothing_happens": sorted(video for video, every in marks.items() if NOTHING in every),
        "unsure": of_kind("unsure", "start", "end"),
        "rejected": of_kind("rejected", "start", "end", "class"),
    }


def rows_of(video: str, marks: Iterable[tuple]) -> str:
    """The rows of a video's points, by time."""
    points = sorted(mark for mark in marks if mark[0] == "point")
    return rows([video, f"{seconds:.6f}".rstrip("0").rstrip("."), label] for _, seconds, label in points)


def rows(cells: Iterable[list]) -> str:
    """Rows of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(cells)
    return text.getvalue()


def read(path: Path) -> set[tuple]:
    """The points of a file, as (video, mark).

    Raises InputError if it holds anything else, which writing would lose.
    """
    text = files.read_text(path)
    if not text.strip():
        return set()
    cells = tables.read_cells(path, text)
    if cells.iloc[0].count() > len(HEADER):
        raise InputError(
            f"{path}: more columns than {', '.join(HEADER)}, which are dropped here; label into another file"
        )
    rows, faulty, _ = points.read_csv(path)
    if len(faulty):
        fault = faulty.iloc[0]
        raise InputError(f"{path}: {fault['at']}: {fault['what']}; {fault['remedy']}")
    if "seconds" not in rows:
        times = "its times are frames" if points.are_frames(rows) else "no times"
        raise InputError(f"{path}: {times}; label into a file of {', '.join(HEADER)}")
    result = set()
    for video, label, seconds, at in rows[["video", "label", "seconds", "at"]].itertuples(index=False):
        try:
            result.add((video, mark_of(["point", seconds, label])))
        except Refused as error:
            raise InputError(f"{path}: {at}: {error}; correct it") from None
    return result


def stamp_of(path: Path) -> tuple | None:
    """What changes when a file is written; None if it is gone."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
