"""Python imports this by itself where PYTHONPATH has its folder: it notes which files the process opens.

At its end a process writes a JSON file into the folder OPENED: {"argv", "read": paths, "written": paths}.
"""

import atexit
import json
import os
import sys
import time
from pathlib import Path

import h5py

READ, WRITTEN = set(), set()


def note(path, writes: bool) -> None:
    """Remember an opened file."""
    if isinstance(path, str | bytes | os.PathLike):
        (WRITTEN if writes else READ).add(str(Path.cwd() / os.fsdecode(path)))


def hook(event: str, arguments: tuple) -> None:
    """Python's audit hook."""
    if event == "open":
        path, mode, flags = arguments
        note(path, bool(set(mode or "") & set("wax+")) or bool(flags & (os.O_WRONLY | os.O_RDWR)))


def opened_by_hdf5(open_):
    """HDF5 opens files itself, which Python does not see."""

    def call(name, *arguments, **options):
        note(name, writes=False)
        return open_(name, *arguments, **options)

    return call


def report() -> None:
    """Write what was noted."""
    if (
        "OPENED" not in os.environ
    ):  # a process that has been started for a test of the graph and serves another
        return
    content = {"argv": sys.argv, "read": sorted(READ), "written": sorted(WRITTEN)}
    # a number of a process may be another one's later on
    name = f"{os.getpid()}-{time.monotonic_ns()}.json"
    Path(os.environ["OPENED"], name).write_text(json.dumps(content))


if "OPENED" in os.environ:
    sys.addaudithook(hook)
    h5py.h5f.open = opened_by_hdf5(h5py.h5f.open)
    atexit.register(report)
