"""Unpacking zip and tar archives from elsewhere: nothing leaves the folder, and all comes or nothing."""

import filecmp
import lzma
import posixpath
import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ..utils import files, progress
from ..utils.errors import FULL, InputError
from ..utils.progress import log

# What readers of archives raise at damage, an unknown compression or a password.
UNPACKABLE = (
    *(tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, zlib.error, lzma.LZMAError),
    *(NotImplementedError, RuntimeError),
)


class Member(NamedTuple):
    """A member of an archive: its name, its size in bytes, its kind, and what it names if it is a link."""

    name: str
    size: int
    kind: str  # "file", "folder", "link" or "special"
    target: str = ""


def record_of(archive: Path) -> Path:
    """Where it is noted what an archive held, once it is unpacked."""
    return archive.with_name(f".{archive.name}.unpacked")


def was_unpacked(archive: Path, digest: str) -> bool:
    """Whether the archive of that sha256 has been unpacked and all that it held is there."""
    path = record_of(archive)
    if not path.is_file():
        return False
    record = files.read_json(path, "sha256", "files")
    return record["sha256"] == digest and all((archive.parent / name).exists() for name in record["files"])


def unpack(archive: Path, digest: str) -> None:
    """Unpack an archive of that sha256 into the folder that it lies in, and remove it.

    All of it is unpacked in a folder apart before anything takes its place, so a stopped or refused
    unpacking leaves nothing. Raises InputError, and removes the archive, where a member would leave the
    folder or is neither file nor folder; an archive that is merely unfit stays.
    """
    apart = archive.with_name(f".{archive.name}.unpacking")
    shutil.rmtree(apart, ignore_errors=True)  # of a run that was killed
    try:
        extract(archive, apart)
        names = place_all(apart, archive)
    except UNPACKABLE as error:
        if getattr(error, "errno", None) in FULL:
            raise
        raise InputError(
            f"{archive}: cannot be unpacked ({error}); see what it holds, or say unpack: false"
        ) from None
    finally:
        shutil.rmtree(apart, ignore_errors=True)
    files.write_json(record_of(archive), {"sha256": digest, "files": names})
    archive.unlink()
    log.info("%s: %d files unpacked", archive, len(names))


def extract(archive: Path, folder: Path) -> None:
    """Unpack all members of an archive into a folder, after a look at every one of them."""
    name = f"{archive.name}, files"
    if tarfile.is_tarfile(archive):
        if not hasattr(tarfile, "data_filter"):
            raise InputError(f"{archive}: this Python unpacks tar files unsafely; take 3.11.4 or a later one")
        with tarfile.open(archive) as tar:
            found = tar.getmembers()
            check(archive, [tar_member(info) for info in found])
            for info in progress.track(found, len(found), name):
                tar.extract(info, folder, filter="data")
    elif zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            found = zipped.infolist()
            check(archive, [zip_member(info) for info in found])
            for info in progress.track(found, len(found), name):
                zipped.extract(info, folder)
    else:
        raise InputError(f"{archive}: is no zip or tar archive; say unpack: false")


def tar_member(info: tarfile.TarInfo) -> Member:
    """A member of a tar archive; the target of a link is seen from the archive's root."""
    if info.issym():
        return Member(info.name, 0, "link", posixpath.join(posixpath.dirname(info.name), info.linkname))
    kind = "link" if info.islnk() else "file" if info.isreg() else "folder" if info.isdir() else "special"
    return Member(info.name, info.size, kind, info.linkname)


def zip_member(info: zipfile.ZipInfo) -> Member:
    """A member of a zip archive; where it is a link, zipfile does not make one, so it has no target."""
    kinds = {0: "file", stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
    kind = "folder" if info.is_dir() else kinds.get(stat.S_IFMT(info.external_attr >> 16), "special")
    return Member(info.filename, info.file_size, kind)


def check(archive: Path, members: list[Member]) -> None:
    """Raise InputError if a member could reach out of the folder, or if there is no place for them all.

    A link may name a file of the archive and nothing else, so that no path leads through a link.
    """
    regular = {posixpath.normpath(member.name) for member in members if member.kind == "file"}
    for member in members:
        path = PurePosixPath(member.name)
        fault = None
        if path.is_absolute() or ".." in path.parts:
            fault = f"{member.name!r} would leave its folder"
        elif member.kind == "link" and posixpath.normpath(member.target) not in regular:
            fault = f"{member.name!r} is a link to no file of the archive"
        elif member.kind == "special":
            fault = f"{member.name!r} is a device or the like"
        if fault:
            archive.unlink()
            raise InputError(f"{archive}: {fault}; the archive was removed, do not trust where it is from")
    if not regular:
        raise InputError(f"{archive}: holds no file; say unpack: false")
    files.require_space(archive, sum(member.size for member in members))


def place_all(apart: Path, archive: Path) -> list[str]:
    """Move all files to the archive's folder, or none of them; -> their names under it.

    Raises InputError where another file has the place of one; one with the same content may.
    """
    unpacked = [path for path in sorted(apart.rglob("*")) if not path.is_dir()]
    found = {path.relative_to(apart).as_posix(): path for path in unpacked}
    for name, path in found.items():
        place = archive.parent / name
        parent = next(folder for folder in place.parents if folder.exists())
        blocked = place if place.exists() and not filecmp.cmp(path, place, shallow=False) else None
        if not parent.is_dir():
            blocked = parent
        if blocked:
            raise InputError(f"{blocked}: is there already, and {archive.name} has another; move it away")
    for name, path in found.items():
        place = archive.parent / name
        place.parent.mkdir(parents=True, exist_ok=True)
        path.replace(place)
    return list(found)
