"""What a run was planned with. Its jobs use it, whatever is edited meanwhile.

The scripts are copied. On a cluster a job plans itself anew, later and on another machine: it gets scripts,
configuration and digests from the run that has submitted it, by the file that HRPRO_PLAN names in the
environment. Each line of it is JSON, [what, value].
"""

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

VARIABLE = "HRPRO_PLAN"
FOLDER = Path(".snakemake/hrpro")  # where the run is


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
    with open(os.environ[VARIABLE], "a") as file:
        file.write(json.dumps([what, value]) + "\n")


def end() -> None:
    """Remove what was remembered, once no job needs it."""
    if os.environ[VARIABLE]:
        Path(os.environ[VARIABLE]).unlink(missing_ok=True)


def copied(scripts: Path) -> Path:
    """A copy of the folder of scripts, named by what it holds; one that is there serves again."""
    paths = (path for path in sorted(scripts.rglob("*")) if "__pycache__" not in path.parts)
    contents = {path.relative_to(scripts): path.read_bytes() for path in paths if path.is_file()}
    copy = FOLDER.absolute() / hashlib.sha256(repr(contents).encode()).hexdigest()[:16]
    if not copy.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=FOLDER))
        for name, content in contents.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            (temporary / name).write_bytes(content)
        temporary.chmod(0o755)
        try:
            temporary.rename(copy)
        except OSError:  # another run has just made it
            shutil.rmtree(temporary)
    return copy
