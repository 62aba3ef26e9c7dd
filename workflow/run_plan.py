"""What a run was planned with. Its jobs use it, whatever is edited meanwhile.

The scripts are copied. On a cluster a job plans itself anew, later and on another machine: it gets scripts,
configuration and digests from the run that has submitted it, by the file that HRPRO_PLAN names in the
environment. Each line of it is JSON, [what, value].
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

VARIABLE = "HRPRO_PLAN"
FOLDER = Path(".snakemake/hrpro")  # where the run is
DAY = 24 * 3600  # seconds


def begin(is_main: bool) -> dict:
    """What is remembered, for a job's own process; nothing for the run's main process."""
    if is_main:
        os.environ[VARIABLE] = ""
    path = os.environ.setdefault(VARIABLE, "")
    lines = Path(path).read_text().split("\n")[:-1] if path else []
    return dict(map(json.loads, lines))


def remember(what: str, value) -> None:
    """Remember a JSON-able value for the jobs that are submitted from now on."""
    if not os.environ[VARIABLE]:
        FOLDER.mkdir(parents=True, exist_ok=True)
        handle, path = tempfile.mkstemp(dir=FOLDER.absolute(), prefix="plan-")
        os.close(handle)
        os.environ[VARIABLE] = path
        keep(Path(path))
    with open(os.environ[VARIABLE], "a") as file:
        file.write(json.dumps([what, value]) + "\n")


def end() -> None:
    """Remove what was remembered, once no job needs it."""
    if os.environ[VARIABLE]:
        Path(os.environ[VARIABLE]).unlink(missing_ok=True)


def keep(path: Path) -> None:
    """Lock a file or folder until this process ends, beside other runs: `prune` leaves it alone."""
    with suppress(OSError):  # a file system without locks: there `prune` finds none that it can lock
        fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_SH | fcntl.LOCK_NB)


def prune() -> None:
    """Remove copies and plans that no run uses, a day after they were made or last used."""
    for path in FOLDER.iterdir() if FOLDER.is_dir() else []:
        with suppress(OSError):  # in use, or another run has just removed it
            if time.time() - path.stat().st_mtime < DAY:
                continue
            lock = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            finally:
                os.close(lock)


def copied(scripts: Path) -> Path:
    """A copy of the folder of scripts, named by what it holds; one that is there serves again."""
    paths = (path for path in sorted(scripts.rglob("*")) if "__pycache__" not in path.parts)
    contents = {path.relative_to(scripts): path.read_bytes() for path in paths if path.is_file()}
    copy = FOLDER.absolute() / hashlib.sha256(repr(contents).encode()).hexdigest()[:16]
    if not copy.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=FOLDER))
        try:
            for name, content in contents.items():
                (temporary / name).parent.mkdir(parents=True, exist_ok=True)
                (temporary / name).write_bytes(content)
            temporary.chmod(0o755)
            temporary.rename(copy)
        except OSError as error:
            shutil.rmtree(temporary)
            if not copy.exists():  # or another run has just made it
                error.filename = str(copy)  # a full disk does not say which file had no room
                raise
    os.utime(copy)
    keep(copy)
    return copy
