"""The labels of hrpro-label: actions, their journal, the points' file beside other programs."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from conftest import SCRIPTS
from hrpro.data import points
from hrpro.labelling import store as stores
from hrpro.labelling.marks import NOTHING, Action, Refused, action_of
from hrpro.labelling.store import Store
from hrpro.utils.errors import InputError

LABEL_FOREVER = """
import sys, random
from hrpro.labelling.marks import Action
from hrpro.labelling.store import Store
store, rng = Store(sys.argv[1]), random.Random(sys.argv[2])
count = 0
while True:
    points = [m for m in store.marks.get("a", {}) if m[0] == "point"]
    old = (rng.choice(points),) if len(points) > 3 and rng.random() < 0.5 else ()
    new = (("point", round(rng.random() * 100, 3), "pour"),)
    store.act(Action(f"{sys.argv[2]}-{count}", "a", add=new, remove=old))
    count += 1
    print(count, flush=True)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "points.csv"


@pytest.fixture
def store(path):
    return Store(path, ["pour", "stir"])


def point(seconds, label="pour"):
    return ("point", float(seconds), label)


def add(store, *marks, video="a", id=None):
    store.act(Action(id or stores.new_id(), video, add=marks))


def rows(path):
    return path.read_text().splitlines()[1:]


def more(path):
    return json.loads(path.with_suffix(".more.json").read_text())


def reopened(store, path):
    store.close()
    return Store(path)


# --- actions and files


def test_an_action_is_in_the_file_that_the_pipeline_trains_on(store, path):
    add(store, point(21.4, "stir"), point(4))
    add(store, point(0.1234567), video='a, "b"')
    assert path.read_text() == 'video,seconds,class\na,4,pour\na,21.4,stir\n"a, ""b""",0.123457,pour\n'
    rows, faulty, _ = points.read(path)
    assert len(faulty) == 0
    assert sorted(rows["seconds"]) == [0.123457, 4.0, 21.4]
    assert set(rows["video"]) == {"a", 'a, "b"'}


def test_undo_is_the_action_the_other_way_round(store, path):
    add(store, point(4))
    store.act(Action("2", "a", add=(point(5),), remove=(point(4),)))
    assert rows(path) == ["a,5,pour"]
    store.act(Action("3", "a", add=(point(4),), remove=(point(5),)))
    assert rows(path) == ["a,4,pour"]


def test_what_has_no_column_lies_beside(store, path):
    store.act(Action("1", "a", add=(NOTHING, ("unsure", 1.0, 2.5)), spent=3.04))
    store.act(Action("2", "", add=(("class", "cut"),)))
    assert more(path) == {
        "classes": ["pour", "stir", "cut"],
        "nothing_happens": ["a"],
        "unsure": [{"video": "a", "start": 1.0, "end": 2.5}],
        "rejected": [],
        "seconds_spent": {"a": 3.0},
    }
    assert rows(path) == []


def test_an_action_sent_twice_is_done_once(store, path):
    add(store, point(4), id="same")
    store.act(Action("2", "a", remove=(point(4),)))
    add(store, point(4), id="same")
    assert rows(path) == []
    again = reopened(store, path)
    add(again, point(4), id="same")
    assert rows(path) == []
    assert "a" not in again.marks


def test_all_is_there_again(store, path):
    store.act(Action("1", "a", add=(point(4), ("unsure", 1.0, 2.0)), spent=2.0, seen=0.5))
    store.act(Action("2", "b", add=(NOTHING,)))
    store.close()
    again = Store(path, ["cut", "pour"])
    assert list(again.marks["a"]) == [point(4), ("unsure", 1.0, 2.0)]
    assert list(again.marks["b"]) == [NOTHING]
    assert (again.spent["a"], again.seen["a"]) == (2.0, 0.5)
    assert stores.classes_of(again.marks) == ["pour", "stir", "cut"]


@pytest.mark.parametrize(
    ("before", "action", "words"),
    [
        ([], Action("x", "a", remove=(point(4),)), "the point of pour at 4.00 s has been changed elsewhere"),
        ([point(4)], Action("x", "a", add=(NOTHING,)), "has points"),
        ([NOTHING], Action("x", "a", add=(point(4),)), "nothing happens"),
    ],
)
def test_what_does_not_go_with_the_marks_is_refused(store, path, before, action, words):
    if before:
        add(store, *before)
    content, version = path.read_text(), len(store.actions)
    with pytest.raises(Refused, match=words):
        store.act(action)
    assert (path.read_text(), len(store.actions)) == (content, version)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "not an action"),
        ({"id": "1", "video": "a", "file": "x"}, "not an action"),
        ({"id": "", "video": "a"}, "without id"),
        ({"id": "1", "video": 3}, "without id"),
        ({"id": "1", "video": "a", "add": "x"}, "not a list"),
        ({"id": "1", "video": "a", "add": [["poit", 3, "pour"]]}, "not a mark"),
        ({"id": "1", "video": "a", "add": [["point", -1, "pour"]]}, r"-1 is not a number from 0 to 1e\+09"),
        ({"id": "1", "video": "a", "add": [["point", float("nan"), "pour"]]}, "nan is not a number"),
        ({"id": "1", "video": "a", "add": [["point", True, "pour"]]}, "True is not a number"),
        ({"id": "1", "video": "a", "add": [["point", 1, " "]]}, "needs a name"),
        ({"id": "1", "video": "a", "add": [["point", 1, "a\nb"]]}, "cannot be called"),
        ({"id": "1", "video": "a", "add": [["unsure", 1, 1]]}, "without length"),
        ({"id": "1", "video": "a", "add": [["class", "cut"]]}, "belong to no video"),
        ({"id": "1", "video": "", "add": [["point", 1, "cut"]]}, "belong to no video"),
    ],
)
def test_what_is_no_action_is_refused(value, words):
    with pytest.raises(Refused, match=words):
        action_of(value)


# --- another program at the same file


def test_what_an_editor_changes_becomes_an_action(store, path):
    add(store, point(4), point(9))
    path.write_text("video,seconds,class\na,4,pour\nb,3,stir\n")
    store.look()
    assert list(store.marks["a"]) == [point(4)]
    assert list(store.marks["b"]) == [point(3, "stir")]
    assert [action.by for action in store.actions[-2:]] == ["file", "file"]
    add(store, point(5))
    assert rows(path) == ["a,4,pour", "a,5,pour", "b,3,stir"]
    again = reopened(store, path)
    assert stores.points_of(again.marks) == {("a", point(4)), ("a", point(5)), ("b", point(3, "stir"))}


def test_an_editor_with_an_older_state_overwrites_nothing(store, path):
    add(store, point(4), point(6))
    opened = path.read_text()
    add(store, point(5), point(7), point(8))
    path.write_text(opened.replace("a,6,pour", "a,6.5,pour"))
    add(store, point(9))
    assert rows(path) == [f"a,{seconds},pour" for seconds in ("4", "5", "6.5", "7", "8", "9")]


def test_an_editors_point_ends_that_nothing_happens(store, path):
    add(store, NOTHING)
    path.write_text("video,seconds,class\na,4,pour\n")
    store.look()
    assert list(store.marks["a"]) == [point(4)]


def test_a_file_that_an_editor_has_broken_is_left_alone(store, path):
    add(store, point(4))
    broken = "video,seconds,class\na,4,pour\na,fi"
    path.write_text(broken)
    with pytest.raises(InputError, match=r"points\.csv: line 3: too few cells"):
        add(store, point(5), id="again")
    assert path.read_text() == broken
    path.write_text(broken + "ve,pour\n")
    with pytest.raises(InputError, match="'five' is not a number"):
        store.look()
    path.write_text(broken.replace("fi", "6,pour\n"))
    add(store, point(5), id="again")
    assert rows(path) == ["a,4,pour", "a,5,pour", "a,6,pour"]


def test_a_file_that_is_gone_is_made_again(store, path, caplog):
    add(store, point(4))
    path.unlink()
    add(store, point(5))
    assert rows(path) == ["a,4,pour", "a,5,pour"]
    assert "gone; made again from points.journal.jsonl" in caplog.text


def test_between_two_sessions_the_file_says_what_there_is(store, path):
    add(store, point(4))
    add(store, point(5))
    store.close()
    path.write_text("video,seconds,class\na,4,pour\n")  # as it was before the last action
    again = Store(path)
    assert list(again.marks["a"]) == [point(4)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("video,seconds,class,who\na,3,pour,me\n", "more columns than video, seconds, class"),
        ("class,video_id,point\npour,a,3\n", "its times are frames"),
        ("video,class\na,pour\n", "no times; label into a file of video, seconds, class"),
        ("video,seconds,class\na,-3,pour\n", r"line 2: -3\.0 is not a number from 0 to 1e\+09; correct it"),
        ("video,seconds,class\na,3,\n", "line 2: the cell of 'class' is empty"),
    ],
)
def test_a_file_that_would_lose_something_is_refused(path, content, words):
    path.write_text(content)
    with pytest.raises(InputError, match=words):
        Store(path)
    assert path.read_text() == content


def test_a_second_process_is_told(store, path):
    with pytest.raises(InputError, match="another hrpro-label writes it"):
        Store(path)


# --- what ends in the middle


def test_an_action_that_was_not_finished_is_dropped_and_a_damaged_one_told(store, path):
    add(store, point(4))
    store.close()
    journal = path.with_suffix(".journal.jsonl")
    whole = journal.read_text()
    journal.write_text(whole + '{"id": "x", "vid')
    again = Store(path)
    assert list(again.marks["a"]) == [point(4)]
    again.close()
    journal.write_text("{}\n" + whole)
    with pytest.raises(InputError, match=r"journal\.jsonl: line 1: not an action of hrpro-label's"):
        Store(path)


def test_what_was_in_the_journal_alone_comes_into_the_file(store, path):
    add(store, point(4))
    before = path.read_text()
    add(store, point(5))
    store.close()
    journal = path.with_suffix(".journal.jsonl")
    lines = journal.read_text().splitlines(keepends=True)
    assert "written" in lines[-1]
    journal.write_text("".join(lines[:-1]))
    path.write_text(before)  # killed after the journal, before the file
    Store(path)
    assert rows(path) == ["a,4,pour", "a,5,pour"]


def test_a_full_disk_confirms_nothing_and_loses_nothing(store, path, monkeypatch):
    add(store, point(4))
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:10]))
    with pytest.raises(OSError, match="No space left"):
        add(store, point(5), id="five")
    monkeypatch.undo()
    assert rows(path) == ["a,4,pour"]
    monkeypatch.setattr(stores.files, "write_text", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        add(store, point(5), id="five")
    monkeypatch.undo()
    add(store, point(5), id="five")
    assert rows(path) == ["a,4,pour", "a,5,pour"]


@pytest.mark.slow
def test_a_killed_process_loses_no_confirmed_action(path):
    """Killed at 20 random moments; what it had confirmed is in the file, once."""
    rng = random.Random(0)
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    for run in range(20):
        command = [sys.executable, "-c", LABEL_FOREVER, str(path), str(run)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            wanted = rng.randrange(1, 60)
            for line in process.stdout:
                if int(line) == wanted:
                    break
            time.sleep(rng.random() * 0.01)
            process.send_signal(signal.SIGKILL)
            confirmed = max([wanted, *map(int, process.stdout.read().split())])
        store = Store(path)
        done = [a for a in store.actions if a.id.startswith(f"{run}-")]
        assert confirmed <= len(done) <= confirmed + 1
        assert len({a.id for a in store.actions}) == len(store.actions)
        assert stores.read(path) == stores.points_of(store.marks)
        assert len(rows(path)) == len(set(rows(path)))
        assert not [a for a in store.actions if a.by == "file"]
        store.close()
