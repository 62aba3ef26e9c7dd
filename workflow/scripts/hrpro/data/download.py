"""Fetching a data set's files: downloaded or resumed, verified, unpacked; existing files are left alone."""

import contextlib
import os
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

from ..config import UNKNOWN, Remote
from ..utils import files, locks
from ..utils.errors import FULL, InputError
from ..utils.progress import log
from . import archives

ZENODO = "https://zenodo.org/api"


def fetch(root, remotes: list[Remote], zenodo: str = ZENODO) -> None:
    """Fetch the files that are missing under `root`; zenodo: the address of Zenodo's API.

    A second process that fetches into the same folder waits for the first. Raises InputError where a
    file cannot be downloaded, does not have the sha256 of its entry, or is an archive that cannot be
    unpacked.
    """
    root = Path(root)
    if files.is_taken(root) and not root.is_dir():
        raise InputError(f"{root}: not a folder; name the data set's, or move this away")
    try:
        root.mkdir(parents=True, exist_ok=True)
        with locked(root):
            for remote in remotes:
                fetch_file(root, remote, zenodo)
    except OSError as error:
        if error.errno in FULL:
            raise
        path = error.filename or root
        raise InputError(f"{path}: {error.strerror or error}; make it writable, or fetch elsewhere") from None


def is_there(root, remote: Remote) -> bool:
    """Whether a file, or everything in its archive, is in its place, whatever its content."""
    path = Path(root) / remote.place
    return archives.was_unpacked(path, remote.sha256) if remote.unpack else path.is_file()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make other processes that fetch into a folder wait."""
    try:
        lock = locks.acquire(folder)
    except BlockingIOError:
        log.warning("%s: another process is fetching here; waiting for it", folder)
        lock = locks.acquire(folder, wait=True)
    try:
        yield
    finally:
        locks.release(lock)


def fetch_file(root: Path, remote: Remote, zenodo: str) -> None:
    """Fetch one file to its place under `root`, and unpack it there if it is an archive to be unpacked."""
    path = root / remote.place
    if remote.unpack and archives.was_unpacked(path, remote.sha256):
        log.info("%s: already unpacked", path)
        return
    require_inside(path.parent, root)
    if path.exists():
        check_existing(path, remote)
    else:
        download(path, remote, zenodo)
    if remote.unpack:
        archives.unpack(path, remote.sha256, remote.unpacked)


def require_inside(folder: Path, root: Path) -> None:
    """Raise InputError where a symbolic link under `root` leads a folder out of it."""
    if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(root)):
        raise InputError(
            f"{folder}: a symbolic link leads out of {root}; correct `to`, or put the file there yourself"
        )


def check_existing(path: Path, remote: Remote) -> None:
    """Raise InputError unless the file at `path` is the one to fetch."""
    if not path.is_file():
        raise InputError(f"{path}: already exists and is not a file; move it away or correct the entry")
    digest = files.sha256(path)
    if remote.sha256 == UNKNOWN:
        raise InputError(f"{path}: already exists; its sha256 is {digest}: write that into the entry")
    if digest != remote.sha256:
        raise InputError(
            f"{path}: already exists with sha256 {digest}, but the entry says {remote.sha256}; "
            "move it away or correct the entry"
        )
    log.info("%s: already exists", path)


def download(path: Path, remote: Remote, zenodo: str) -> None:
    """Download a file by way of `<path>.part`, from which the next fetch resumes if this one is stopped."""
    part = path.with_name(f"{path.name}.part")
    if part.is_symlink() or (part.exists() and not part.is_file()):
        raise InputError(f"{part}: is not a regular file; remove it")
    if not part.exists() or files.sha256(part) != remote.sha256:
        from . import web  # not at the top: planning imports this module, and `requests` takes 0.1 s

        if remote.gdrive is not None:
            web.download_from_drive(remote.gdrive, part)
        else:
            web.download(url_of(remote, zenodo), part)
    digest = files.sha256(part)
    if remote.sha256 == UNKNOWN:
        raise InputError(
            f"{path}: downloaded; its sha256 is {digest}. If you trust its source, write that into the "
            "entry and fetch again: nothing is downloaded twice"
        )
    if digest != remote.sha256:
        page = "is a web page and " if is_web_page(part) else ""
        part.unlink()
        raise InputError(
            f"{path}: the downloaded file {page}has sha256 {digest}, but the entry says {remote.sha256}; "
            "it was removed: correct the entry, or fetch again"
        )
    with open(part, "rb") as file:
        os.fsync(file.fileno())  # the name must not outlive the content
    part.replace(path)
    log.info("%s: fetched", path)


def url_of(remote: Remote, zenodo: str) -> str:
    """The address of a file on the web."""
    if remote.zenodo is None:
        return remote.url
    name = urllib.parse.quote(remote.zenodo.file, safe="")
    return f"{zenodo}/records/{remote.zenodo.record}/files/{name}/content"


def is_web_page(path: Path) -> bool:
    """Whether a file is HTML, which servers send in place of files that need a login."""
    with open(path, "rb") as file:
        return file.read(512).lstrip().lower().startswith((b"<!doctype html", b"<html"))
