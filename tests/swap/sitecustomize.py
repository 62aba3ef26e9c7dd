"""Python imports this by itself where PYTHONPATH has its folder: it replaces a file while a step runs.

SWAP, in the environment, is JSON: {"file", "other": paths, "from", "to": names of scripts}. When a process
begins to run the script `from`, the file takes the content of the other one, until one ends that runs `to`.
"""

import atexit
import json
import os
import sys
from pathlib import Path


def replace(path: Path, content: bytes) -> None:
    """Replace a file, as git does."""
    temporary = path.with_name("swapped")
    temporary.write_bytes(content)
    temporary.replace(path)


if "SWAP" in os.environ:
    swap = json.loads(os.environ["SWAP"])
    script = Path((*sys.orig_argv, "", "")[1]).name
    file, before = Path(swap["file"]), Path(f"{swap['file']}.before")
    if script == swap["from"]:
        before.write_bytes(file.read_bytes())
        replace(file, Path(swap["other"]).read_bytes())
    if script == swap["to"]:
        atexit.register(lambda: replace(file, before.read_bytes()))
