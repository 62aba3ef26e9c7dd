"""Unpacking zip and tar archives from elsewhere: inside their folder, and everything or nothing."""

import filecmp
import lzma
import math
import os
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

# What zipfile and tarfile raise where an archive is damaged, encrypted or compressed in an unknown way.
UNPACK_ERRORS = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


RATIO, SMALL = 100, 1e8  # an archive unpacks to no more than so many times its size, or so many bytes


class Member(NamedTuple):
    """A member of an archive; target: the name that a link points to, seen from the archive's root."""

    name: str
    size: int  # bytes
    kind: str  # "file", "folder", "link" or "special"
    target: str = ""


def record_path(archive: Path) -> Path:
    """The file that lists what an archive held once it is unpacked."""
    return archive.with_name(f".{archive.name}.unpacked")


def was_unpacked(archive: Path, digest: str) -> bool:
    """Whether the archive with that sha256 has been unpacked and all its files are still there."""
    path = record_path(archive)
    if not path.is_file():
        return False
    record = files.read_json(path, "sha256", "files")
    return record["sha256"] == digest and all((archive.parent / name).exists() for name in record["files"])


def unpack(archive: Path, digest: str, limit: float | None = None) -> None:
    """Unpack an archive with that sha256 into the folder that it lies in, and remove it.

    limit: GB that it may unpack to; None for RATIO times its size.

    Everything is unpacked into a temporary folder before the first file is moved to its place, so that an
    unpacking that is stopped or refused changes nothing. Raises InputError where the archive cannot be
    unpacked; one whose members reach outside the folder is also removed.
    """
    temporary = archive.with_name(f".{archive.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)  # left by a run that was killed
    try:
        size = archive.stat().st_size
        extract(archive, temporary, max(RATIO * size, SMALL) if limit is None else 1e9 * limit)
        names = move_files(temporary, archive)
    except UNPACK_ERRORS as error:
        if getattr(error, "errno", None) in FULL:
            raise
        raise InputError(
            f"{archive}: cannot be unpacked ({error}); look at what it holds, or set unpack: false"
        ) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    files.write_json(record_path(archive), {"sha256": digest, "files": names})
    archive.unlink()
    log.info("%s: %d files unpacked", archive, len(names))


def extract(archive: Path, folder: Path, limit: float) -> None:
    """Extract an archive into a folder after checking all of its members; limit: of their sizes, in bytes."""
    title = f"{archive.name}, files"
    if tarfile.is_tarfile(archive):
        if not hasattr(tarfile, "data_filter"):
            raise InputError(f"{archive}: unpacking tar files safely needs Python 3.11.4 or later")
        with tarfile.open(archive) as tar:
            infos = tar.getmembers()
            check_members(archive, [tar_member(info) for info in infos], limit)
            for info in progress.track(infos, len(infos), title):
                tar.extract(info, folder, filter="data")
    elif zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zip_file:
            infos = zip_file.infolist()
            check_members(archive, [zip_member(info) for info in infos], limit)
            for info in progress.track(infos, len(infos), title):
                zip_file.extract(info, folder)
    else:
        raise InputError(f"{archive}: is not a zip or tar archive; set unpack: false")


def tar_member(info: tarfile.TarInfo) -> Member:
    """A member of a tar archive."""
    if info.issym():
        return Member(info.name, 0, "link", posixpath.join(posixpath.dirname(info.name), info.linkname))
    if info.islnk():
        return Member(info.name, 0, "link", info.linkname)
    if info.isreg():
        return Member(info.name, info.size, "file")
    return Member(info.name, 0, "folder" if info.isdir() else "special")


def zip_member(info: zipfile.ZipInfo) -> Member:
    """A member of a zip archive; a link has no target, since zipfile does not create links."""
    if info.filename.endswith("/"):
        return Member(info.filename, info.file_size, "folder")
    kinds = {0: "file", stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
    kind = kinds.get(stat.S_IFMT(info.external_attr >> 16), "special")
    return Member(info.filename, info.file_size, kind)


def check_members(archive: Path, members: list[Member], limit: float) -> None:
    """Raise InputError unless all members stay inside the folder and the disk has room for them.

    A link may only point to a file of the archive, so that no path leads through a link. An archive that
    breaks these rules is removed.
    """
    file_names = {posixpath.normpath(member.name) for member in members if member.kind == "file"}
    for member in members:
        fault = find_fault(member, file_names)
        if fault:
            archive.unlink()
            raise InputError(f"{archive}: {fault}; the archive was removed, do not trust its source")
    if not file_names:
        raise InputError(f"{archive}: holds no files; set unpack: false")
    size = sum(member.size for member in members)
    if size > limit:
        raise InputError(
            f"{archive}: would unpack to {size / 1e9:.1f} GB, more than {limit / 1e9:.1f} GB; if that is "
            f"right, say `unpacked: {math.ceil(size / 1e9)}` in the entry"
        )
    files.require_space(archive, size)


def find_fault(member: Member, file_names: set[str]) -> str | None:
    """Why a member must not be unpacked, None if it may; file_names: those of the archive's files."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        return f"{member.name!r} would leave its folder"
    if not path.parts and member.kind != "folder":
        return f"{member.name!r} is not a file name"
    if member.kind == "link" and posixpath.normpath(member.target) not in file_names:
        return f"{member.name!r} is a link to something that is not a file of the archive"
    if member.kind == "special":
        return f"{member.name!r} is a device or other special file"
    return None


def move_files(folder: Path, archive: Path) -> list[str]:
    """Move all files of a folder to where the archive lies, or none of them; -> their names, sorted.

    Raises InputError where a different file, or a file in place of a folder, is in the way.
    """
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    root = Path(os.path.realpath(archive.parent))
    for name in names:
        if not Path(os.path.realpath((root / name).parent)).is_relative_to(root):
            raise InputError(
                f"{archive.parent / name}: a symbolic link leads out of {root}; unpack it yourself"
            )
        obstacle = find_obstacle(archive.parent / name, folder / name)
        if obstacle:
            raise InputError(f"{obstacle}: already exists and differs from {archive.name}'s; move it away")
    for name in names:
        path = archive.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (folder / name).replace(path)
    return names


def find_obstacle(path: Path, source: Path) -> Path | None:
    """What prevents the file `source` from being moved to `path`; the same content there does not."""
    parent = next(folder for folder in path.parents if folder.exists())
    if not parent.is_dir():
        return parent
    if path.exists() and not filecmp.cmp(source, path, shallow=False):
        return path
    return None
