"""Fetching a data set's files: downloaded or resumed, verified, unpacked; what is there stays as it is."""

import contextlib
import email.utils
import fcntl
import http.client
import math
import os
import socket
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ..config import UNKNOWN, Remote
from ..utils import files, progress
from ..utils.errors import FULL, InputError
from ..utils.progress import log
from . import archives

ZENODO = "https://zenodo.org/api"
GDOWN = "gdown>=6.5"
MB = 10**6
TIMEOUT = 60.0  # seconds without a byte after which a connection counts as cut
TRIES = 6  # of a download that comes no further
WAIT = 1.0  # seconds before the second try; doubled before each one after it
PATIENCE = 120.0  # seconds that a server may ask to wait
BUSY = {408, 429, 500, 502, 503, 504}  # answers that another try may better


class Again(Exception):
    """What another try may better; wait: seconds that the server asks for, None if it does not."""

    def __init__(self, what: str, wait: float | None = None):
        super().__init__(what)
        self.wait = wait


def fetch(root, wanted: list[Remote], zenodo: str = ZENODO) -> None:
    """Bring what is missing of the wanted files under `root`; zenodo: where Zenodo's API is.

    A second process that fetches into the same folder waits for the first. Raises InputError where a
    file cannot be had, is not the one whose digest is given, or is an archive that cannot be unpacked.
    """
    root = Path(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with alone(root):
            for remote in wanted:
                bring(root / remote.place, remote, zenodo)
    except OSError as error:
        if error.errno in FULL:
            raise
        place = error.filename or root
        raise InputError(f"{place}: {error.strerror or error}; see that files may be written there") from None


def is_there(root, remote: Remote) -> bool:
    """Whether a file, or all that its archive holds, is in its place, whatever its content."""
    place = Path(root) / remote.place
    return archives.was_unpacked(place, remote.sha256) if remote.unpack else place.is_file()


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes that fetch into a folder waiting, where the file system can."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.warning("%s: another process fetches here; waiting for it", folder)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            log.info("%s: cannot be locked (%s)", folder, error.strerror)
        yield
    finally:
        os.close(handle)


def bring(place: Path, remote: Remote, zenodo: str) -> None:
    """Bring one file to its place, or what it holds to the folder around it."""
    if remote.unpack and archives.was_unpacked(place, remote.sha256):
        log.info("%s: unpacked already", place)
        return
    if place.exists():
        found = files.sha256(place) if place.is_file() else "none, it is a folder"
        if remote.sha256 == UNKNOWN:
            raise InputError(f"{place}: is there already; its sha256 is {found}, write that into the entry")
        if found != remote.sha256:
            raise InputError(
                f"{place}: is there already, of sha256 {found}, but the entry says {remote.sha256}; "
                "move it away or correct the entry"
            )
        log.info("%s: there already", place)
    else:
        download(place, remote, zenodo)
    if remote.unpack:
        archives.unpack(place, remote.sha256)


def download(place: Path, remote: Remote, zenodo: str) -> None:
    """Download a file, by way of `<place>.part`, which a stopped download leaves to go on from."""
    part = place.with_name(f"{place.name}.part")
    if not part.is_file() or files.sha256(part) != remote.sha256:
        if remote.gdrive:
            from_drive(remote.gdrive, part)
        else:
            from_web(url_of(remote, zenodo), part)
    found = files.sha256(part)
    if remote.sha256 == UNKNOWN:
        raise InputError(
            f"{place}: downloaded; its sha256 is {found}. If you trust where it is from, write that "
            "into the entry and fetch again: nothing is downloaded twice"
        )
    if found != remote.sha256:
        what = "a web page, " if is_page(part) else ""
        part.unlink()
        raise InputError(
            f"{place}: what came is {what}of sha256 {found}, but the entry says {remote.sha256}; "
            "it was removed: correct the entry, or fetch again"
        )
    with open(part, "rb") as file:
        os.fsync(file.fileno())  # the name must not outlive the content
    part.replace(place)
    log.info("%s: fetched", place)


def url_of(remote: Remote, zenodo: str) -> str:
    """Where a file is on the web."""
    if remote.zenodo is None:
        return remote.url
    name = urllib.parse.quote(remote.zenodo.file, safe="")
    return f"{zenodo}/records/{remote.zenodo.record}/files/{name}/content"


def is_page(path: Path) -> bool:
    """Whether a file is HTML, as what a server sends in place of a file often is."""
    with open(path, "rb") as file:
        return file.read(512).lstrip().lower().startswith((b"<!doctype html", b"<html"))


def size_of(path: Path) -> int:
    """The size of a file in bytes, 0 where there is none."""
    return path.stat().st_size if path.is_file() else 0


# Downloading.


def from_drive(file: str, part: Path) -> None:
    """Download a file of Google Drive by its id; gdown keeps its own partial file and goes on from it."""
    try:
        import gdown
        from gdown.exceptions import DownloadError
    except ImportError:
        raise InputError(
            f"{part.with_suffix('')}: files of Google Drive need gdown: python -m pip install '{GDOWN}'"
        ) from None
    part.parent.mkdir(parents=True, exist_ok=True)
    tried = {"resume": True, "retries": TRIES - 1, "timeout": TIMEOUT}
    try:
        gdown.download(id=file, output=str(part), quiet=not sys.stderr.isatty(), **tried)
    except (DownloadError, OSError) as error:
        if getattr(error, "errno", None) in FULL:
            raise
        said = " ".join(str(error).split())
        raise InputError(f"{part.with_suffix('')}: Google Drive's file {file}: {said}") from None


def from_web(url: str, part: Path) -> None:
    """Download a URL to a file, going on from what is there; another try after a cut or a busy server."""
    failures, most = 0, size_of(part)
    while True:
        try:
            transfer(url, part)
            return
        except Again as error:
            have = size_of(part)
            failures = 1 if have > most else failures + 1
            most = max(most, have)
            wait = WAIT * 2 ** (failures - 1) if error.wait is None else error.wait
            if failures == TRIES or wait > PATIENCE:
                kept = f" to go on from {have / MB:.1f} MB" if have else ""
                asked = f" and to come back in {wait:.0f} s" if wait > PATIENCE else ""
                tried = f" (tried {failures} times)" if failures > 1 else ""
                raise InputError(f"{url}: {error}{asked}{tried}; fetch again later{kept}") from None
            log.warning("%s: %s; trying again in %.0f s", url, error, wait)
            time.sleep(wait)


def transfer(url: str, part: Path) -> None:
    """One try: append the rest of a URL to a file, or write it anew where the server sends all of it.

    Raises Again where another try may better it, InputError where none will.
    """
    have = size_of(part)
    headers = {"User-Agent": "hrpro", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and have:
                if error.headers.get("Content-Range") != f"bytes */{have}":  # else all of it is there
                    part.unlink()
                    transfer(url, part)
                return
            raise refusal(url, error) from None
    except (OSError, http.client.HTTPException) as error:
        raise unreachable(url, getattr(error, "reason", error)) from None
    except UnicodeError as error:
        raise InputError(f"{url}: no name of a host ({error}); correct the url") from None
    with response:
        if have and response.status == http.client.PARTIAL_CONTENT:
            if not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                part.unlink()  # a piece that was not asked for
                transfer(url, part)
                return
        else:
            have = 0
        size = None if response.length is None else have + response.length
        files.require_space(part, (size or 0) - size_of(part))
        save(response, part, have, size)
    if size is not None and size_of(part) < size:
        raise Again(f"the connection was cut at {size_of(part) / MB:.1f} of {size / MB:.1f} MB")


def refusal(url: str, error: urllib.error.HTTPError) -> Exception:
    """What an answer that is no file means: Again or InputError."""
    said = f"the server says {error.code} {http.client.responses.get(error.code, '')}".rstrip()
    if error.code in BUSY:
        return Again(said, asked_wait(error.headers.get("Retry-After")))
    return InputError(f"{url}: {said}; correct the entry, or see in a browser what has become of the file")


def asked_wait(text: str | None) -> float | None:
    """The seconds of a Retry-After header, a number or a date; None where it says nothing."""
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((until - datetime.now(UTC)).total_seconds(), 0.0) if until.tzinfo else None


def unreachable(url: str, reason) -> Exception:
    """What the failure to connect means: Again or InputError."""
    said = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    if isinstance(reason, ssl.SSLCertVerificationError):
        return InputError(f"{url}: the server's certificate is not trusted ({reason.verify_message})")
    if isinstance(reason, socket.gaierror) and reason.errno == socket.EAI_NONAME:
        return InputError(f"{url}: no such host ({said}); correct the url")
    return Again(f"no answer ({said})")


def save(response, part: Path, have: int, size: int | None) -> None:
    """Write a response to a file from `have` bytes on, of `size` if that is known."""
    done = have // MB
    total = None if size is None else done + math.ceil((size - have) / MB)
    try:
        with open(part, "ab" if have else "wb") as file:
            name = f"{part.stem}, MB"
            for chunk in progress.track(chunks(response), total, name, done=done):
                file.write(chunk)
    except OSError as error:
        error.filename = str(part)  # a full disk does not say what it had no place for
        raise


def chunks(response) -> Iterator[bytes]:
    """The bytes of a response, an MB at a time."""
    try:
        while chunk := response.read(MB):
            yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise Again(f"the connection was cut ({error})") from None
