"""Unpacking archives: hostile ones, damaged ones, files in the way, and a kill in the middle."""

import io
import json
import os
import random
import shutil
import signal
import stat
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from hrpro.data import archives
from hrpro.utils import files
from hrpro.utils.errors import InputError
from test_bad_input import Case, table

DIGEST = "0" * 64


def make_zip(*members: tuple) -> bytes:
    """A zip archive of (name, text) or (name, text, the mode's file type)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text, *kind in members:
            info = zipfile.ZipInfo("x")
            info.filename = name  # as it is: without one, ZipInfo fails
            info.external_attr = (kind[0] if kind else stat.S_IFREG) << 16
            archive.writestr(info, text)
    return buffer.getvalue()


def make_tar(*members: tuple, mode: str = "w") -> bytes:
    """A tar archive of (name, text), or of (name, a link's target, its type)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, text, *kind in members:
            info = tarfile.TarInfo(name)
            if kind:
                info.type, info.linkname = kind[0], text
                archive.addfile(info)
            else:
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


MEMBERS = [("features/train/a.npy", "one"), ("./gt_full.json", "two")]
UNPACKED = ["features/train/a.npy", "gt_full.json"]
ARCHIVES = {"x.zip": make_zip(*MEMBERS), "x.tar": make_tar(*MEMBERS)} | {
    f"x.tar.{kind}": make_tar(*MEMBERS, mode=f"w:{kind}") for kind in ("gz", "bz2", "xz")
}


def list_files(folder: Path) -> list[str]:
    """The names of the files under a folder, and of folders without any."""
    paths = [path for path in folder.rglob("*") if path.is_file() or not any(path.iterdir())]
    return sorted(str(path.relative_to(folder)) for path in paths)


@pytest.fixture
def put(out):
    """name, content -> an archive in the folder `out`."""

    def write(name: str, content: bytes) -> Path:
        path = out / name
        path.write_bytes(content)
        return path

    return write


def unpack_error(archive: Path) -> str:
    """The message of an unpacking that fails."""
    with pytest.raises(InputError) as caught:
        archives.unpack(archive, DIGEST)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_is_unpacked_where_it_lies(put, out, name):
    archive = put(name, ARCHIVES[name])
    assert not archives.was_unpacked(archive, DIGEST)
    archives.unpack(archive, DIGEST)
    assert list_files(out) == [f".{name}.unpacked", *UNPACKED]
    assert (out / "features/train/a.npy").read_text() == "one"
    assert json.loads((out / f".{name}.unpacked").read_text()) == {"sha256": DIGEST, "files": UNPACKED}
    assert archives.was_unpacked(archive, DIGEST)
    assert not archives.was_unpacked(archive, "1" * 64)


def test_links_inside_an_archive(put, out):
    links = [("c/b", "../a.txt", tarfile.SYMTYPE), ("d", "a.txt", tarfile.LNKTYPE)]
    archives.unpack(put("x.tar", make_tar(("a.txt", "fine"), *links)), DIGEST)
    assert (out / "c/b").read_text() == (out / "d").read_text() == "fine"
    assert (out / "c/b").readlink() == Path("../a.txt")


# --- hostile archives: removed, and nothing of them is left

LEAVES = "would leave its folder"
LINK = "is a link to something that is not a file of the archive"
SPECIAL = "is a device or other special file"
NAMELESS = "is not a file name"
FINE = ("a.txt", "fine")
HOSTILE = [
    Case("zip: ..", make_zip(FINE, ("../b.txt", "")), ["'../b.txt'", LEAVES]),
    Case("zip: .. inside", make_zip(FINE, ("c/../../b", "")), ["'c/../../b'", LEAVES]),
    Case("zip: absolute", make_zip(FINE, ("/tmp/b.txt", "")), ["'/tmp/b.txt'", LEAVES]),
    Case("zip: a link", make_zip(FINE, ("b", "/etc", stat.S_IFLNK)), ["'b'", LINK]),
    Case("zip: a device", make_zip(FINE, ("b", "", stat.S_IFCHR)), ["'b'", SPECIAL]),
    Case("zip: no name", make_zip(FINE, ("", "x")), ["''", NAMELESS]),
    Case("zip: a NUL for a name", make_zip(FINE, ("\0b", "x")), ["''", NAMELESS]),
    Case("zip: a dot for a name", make_zip(FINE, (".", "x")), ["'.'", NAMELESS]),
    Case("tar: ..", make_tar(FINE, ("../b.txt", "")), ["'../b.txt'", LEAVES]),
    Case("tar: absolute", make_tar(FINE, ("/tmp/b.txt", "")), ["'/tmp/b.txt'", LEAVES]),
    Case("tar: a link out", make_tar(FINE, ("c/b", "../../x", tarfile.SYMTYPE)), ["'c/b'", LINK]),
    Case("tar: an absolute link", make_tar(FINE, ("b", "/a.txt", tarfile.SYMTYPE)), ["'b'", LINK]),
    Case("tar: a hard link out", make_tar(FINE, ("b", "../../etc/passwd", tarfile.LNKTYPE)), ["'b'", LINK]),
    Case(
        "tar: a path through a link",
        make_tar(("c/d.txt", ""), ("b", "c", tarfile.SYMTYPE), ("b/e.txt", "")),
        ["'b'", LINK],
    ),
    Case("tar: a device", make_tar(FINE, ("b", "", tarfile.CHRTYPE)), ["'b'", SPECIAL]),
    Case("tar: a pipe", make_tar(FINE, ("b", "", tarfile.FIFOTYPE)), ["'b'", SPECIAL]),
    Case("tar: no name", make_tar(FINE, ("", "x")), ["''", NAMELESS]),
    Case("tar: a dot for a name", make_tar(FINE, (".", "x")), ["'.'", NAMELESS]),
]


@table(HOSTILE)
def test_a_hostile_archive(case, put, out):
    archive = put("x", case.damage)
    message = unpack_error(archive)
    assert message.startswith(f"{archive}: ")
    assert message.endswith("; the archive was removed, do not trust its source")
    assert [word for word in case.words if word not in message] == [], message
    assert list_files(out.parent) == ["out"]  # and nothing beside it


# --- archives that cannot be unpacked: they stay


def damaged_zip() -> bytes:
    content = bytearray(ARCHIVES["x.zip"])
    content[content.index(b"one")] ^= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"text", "is not a zip or tar archive; set unpack: false"),
        (b"", "is not a zip or tar archive; set unpack: false"),
        (damaged_zip(), "cannot be unpacked (Bad CRC-32"),
        (ARCHIVES["x.tar.gz"][:-40], "cannot be unpacked ("),
        (ARCHIVES["x.tar.bz2"][:99], ""),
        (ARCHIVES["x.tar.xz"][:99], ""),
        (make_zip(("folder/", "")), "holds no files; set unpack: false"),
        (make_tar(("a", ""), ("a/b", "")), "cannot be unpacked ("),
        (make_zip(("n" * 300, "")), "cannot be unpacked ("),
        (make_zip(("ä", "")).replace("ä".encode(), b"\xff\xff"), "cannot be unpacked ('utf-8' codec"),
    ],
)
def test_an_archive_that_is_unfit_stays(put, out, content, words):
    archive = put("x", content)
    message = unpack_error(archive)
    assert message.startswith(f"{out}/x")
    assert words in message
    assert list_files(out) == ["x"]


@pytest.mark.parametrize("name", ARCHIVES)
def test_damage_of_any_kind_ends_in_a_message(put, name):
    """Archives with three bytes changed: each is unpacked or refused."""
    draw = random.Random(0)
    for _ in range(40):
        content = bytearray(ARCHIVES[name])
        for _ in range(3):
            content[draw.randrange(len(content))] = draw.randrange(256)
        archive = put(name, bytes(content))
        try:
            archives.unpack(archive, DIGEST)
        except InputError as error:
            assert str(archive.parent) in str(error)
        else:
            for path in archive.parent.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_an_archive_for_which_the_disk_has_no_room(put, out, monkeypatch):
    archive = put("x.zip", ARCHIVES["x.zip"])
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: SimpleNamespace(free=5))
    assert "MB are free; free some space" in unpack_error(archive)
    assert list_files(out) == ["x.zip"]


# --- what is in the folder already, and unpackings that are stopped


@pytest.mark.parametrize(
    "obstacle", ["gt_full.json", "features/train/a.npy", "features", "features/train/a.npy/x"]
)
def test_another_file_in_the_way_stays(put, out, obstacle):
    (out / obstacle).parent.mkdir(parents=True, exist_ok=True)
    (out / obstacle).write_text("mine")
    message = unpack_error(put("x.zip", ARCHIVES["x.zip"]))
    path = out / obstacle if not obstacle.endswith("/x") else out / "features/train/a.npy"
    assert message == f"{path}: already exists and differs from x.zip's; move it away"
    assert list_files(out) == sorted([obstacle, "x.zip"])
    assert (out / obstacle).read_text() == "mine"


def test_the_same_file_is_not_in_the_way(put, out):
    (out / "gt_full.json").write_text("two")
    archives.unpack(put("x.zip", ARCHIVES["x.zip"]), DIGEST)
    assert list_files(out) == [".x.zip.unpacked", *UNPACKED]


def test_a_stopped_unpacking_leaves_nothing(put, out, monkeypatch):
    archive = put("x.zip", ARCHIVES["x.zip"])

    def stop(*_):
        assert list_files(out / ".x.zip.unpacking") == UNPACKED
        raise KeyboardInterrupt

    monkeypatch.setattr(archives, "move_files", stop)
    with pytest.raises(KeyboardInterrupt):
        archives.unpack(archive, DIGEST)
    assert list_files(out) == ["x.zip"]


def test_a_killed_unpacking_leaves_nothing_in_place(put, out):
    names = [f"{number}.npy" for number in range(9)]
    archive = put("x.zip", make_zip(*((name, "x") for name in names)))
    child = os.fork()
    if child == 0:
        try:
            kill_at_the_fifth(archive)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert list_files(out) == [*(f".x.zip.unpacking/{name}" for name in names[:5]), "x.zip"]
    archives.unpack(archive, DIGEST)
    assert list_files(out) == [".x.zip.unpacked", *names]


def kill_at_the_fifth(archive: Path) -> None:
    """Unpack an archive, and kill this process after five members."""

    def track(items, *_, **__):
        for number, item in enumerate(items):
            if number == 5:
                os.kill(os.getpid(), signal.SIGKILL)
            yield item

    archives.progress.track = track
    archives.unpack(archive, DIGEST)


def make_zeros(megabytes: int) -> bytes:
    """A zip archive of a file of zeros, which packs a thousandfold."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.npy", bytes(megabytes * 10**6))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "limit", "words"),
    [
        (
            make_zeros(150),
            None,
            "would unpack to 0.1 GB, more than 0.1 GB; if that is right, say `unpacked: 1`",
        ),
        (make_zeros(3), 0.001, "would unpack to 0.0 GB, more than 0.0 GB"),
        (make_tar(("a.npy", "x" * 10**6)), 0.0005, "say `unpacked: 1` in the entry"),
    ],
)
def test_an_archive_unpacks_to_no_more_than_its_entry_says(put, content, limit, words):
    archive = put("x.zip", content)
    with pytest.raises(InputError) as caught:
        archives.unpack(archive, DIGEST, limit)
    assert str(caught.value).startswith(f"{archive}: ") and words in str(caught.value)
    assert list_files(archive.parent) == ["x.zip"]


def test_an_archive_of_zeros_is_unpacked_where_its_entry_allows_it(put):
    archive = put("x.zip", make_zeros(150))
    archives.unpack(archive, DIGEST, 0.2)
    assert (archive.parent / "zeros.npy").stat().st_size == 150 * 10**6


def test_an_archive_is_not_unpacked_through_a_link(put, tmp_path):
    archive = put("x.tar", make_tar(*MEMBERS))
    (tmp_path / "elsewhere").mkdir()
    (archive.parent / "features").symlink_to(tmp_path / "elsewhere")
    assert "a symbolic link leads out of" in unpack_error(archive)
    assert list(tmp_path.joinpath("elsewhere").iterdir()) == []
