"""A process that has imported Snakemake and waits; each request is answered by a fork of it.

A fork is a process of its own, as `python -m snakemake` is: with its own directory, environment, output
and exit code. It only does not import what takes a second each time. hrpro is not imported here, for it
is the tested project's own, which may be an edited copy.

A request is a line of JSON on stdin, {"command", "cwd", "environment", "stdout", "stderr"}: the command
is what follows `python` on a command line, stdout and stderr are files. The answer on stdout is a line
of JSON, {"returncode", "seconds"}: seconds of processor time, children included.
"""

import json
import os
import runpy
import sys
from pathlib import Path

import h5py  # noqa: F401
import numpy.random  # noqa: F401
import pydantic  # noqa: F401
import smart_open  # noqa: F401
import tqdm  # noqa: F401
import yaml  # noqa: F401
from snakemake.cli import get_argument_parser


def main() -> None:
    get_argument_parser()  # loads Snakemake's plugins
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            run(**request)
            return  # through the interpreter's end, as any script
        _, status, usage = os.wait4(child, 0)
        answer = {
            "returncode": os.waitstatus_to_exitcode(status),
            "seconds": usage.ru_utime + usage.ru_stime,
        }
        print(json.dumps(answer), flush=True)


def run(command: list[str], cwd: str, environment: dict[str, str], stdout: str, stderr: str) -> None:
    """Be `python COMMAND` in a directory and an environment, its output in files."""
    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, stdout, os.O_WRONLY),
        (2, stderr, os.O_WRONLY),
    ):
        file = os.open(path, flags)
        os.dup2(file, number)
        os.close(file)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    if command[0] == "-m":
        sys.argv = command[1:]
        sys.path.insert(0, cwd)
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = command
        sys.path.insert(0, str(Path(command[0]).absolute().parent))
        runpy.run_path(command[0], run_name="__main__")


if __name__ == "__main__":
    main()
