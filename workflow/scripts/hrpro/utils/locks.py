"""Locks between processes, on files and folders."""

import fcntl
import os
from pathlib import Path

from .progress import log


def acquire(path, wait: bool = False) -> int:
    """Lock a folder, or a file, which is created if missing; -> the lock, for `release`.

    It also ends with the process. Where another process holds it, BlockingIOError is raised, or with
    `wait` that process is waited for. A file system without locks costs a line in the log and nothing else.
    """
    path = Path(path)
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
    lock = os.open(path, flags, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        release(lock)
        raise
    except OSError as error:
        log.info("%s: the file system cannot lock it (%s)", path, error.strerror)
    return lock


def release(lock: int) -> None:
    """Unlock what `acquire` locked."""
    os.close(lock)
