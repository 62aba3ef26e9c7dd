"""What was planned: a step of the workflow reads a data set's own files as they were when it was planned."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from .errors import InputError
from .progress import log


def digest(*parts) -> str:
    """A digest of JSON-able parts; the order of keys does not count."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


@contextlib.contextmanager
def unchanged(paths: Iterable[Path], source: Callable[[], str]):
    """Raise InputError where files that the block reads are not, or do not stay, as they were planned.

    source: works out the digest of what they say; the planned one is in HRPRO_SOURCE. A script that is run
    alone has none, and nothing is checked. So a file that is replaced while a run is under way leaves no
    result, put back or not.
    """
    planned = os.environ.get("HRPRO_SOURCE")
    if not planned:
        yield
        return
    before = {path: stat_of(path) for path in paths if path.exists()}
    log.disabled = True  # what is odd in them the block says
    try:
        now = source()
    finally:
        log.disabled = False
    if now != planned:
        raise InputError(f"{', '.join(map(str, before))[:200]}: changed since the run was planned; run again")
    yield
    for path, stat in before.items():
        if stat_of(path) != stat:
            raise InputError(f"{path}: changed while it was read; run again")


def stat_of(path: Path) -> list[int]:
    """Size, times and number of a file; the number changes where a link leads to another file."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
