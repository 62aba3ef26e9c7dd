"""Which stages count in the detections of a data set (docs/method.md, section 6.3)."""

import argparse

from ..utils import files
from ..utils.errors import InputError

# Not of `methods`, which is in no digest, so that a change of it would make no gate.json again.
STAGES = ("stage1", "stage2", "stage3")


def add_stages(parser: argparse.ArgumentParser, videos: str) -> None:
    """Add the options that name the detections of each stage; stage 3 may have none."""
    for stage in STAGES:
        last = {"nargs": "?"} if stage == STAGES[-1] else {"required": True}
        parser.add_argument(f"--{stage}", help=f"its detections {videos}", **last)


def stages_of(args: argparse.Namespace) -> dict[str, str]:
    """The detections of each stage that there are: {stage: path}."""
    return {stage: path for stage in STAGES if (path := getattr(args, stage))}


def read(path) -> str:
    """The last stage that counts, by a gate.json; without a path the last one there can be.

    Raises InputError where it is another file.
    """
    if not path:
        return STAGES[-1]
    counts = files.read_json(path, "counts")["counts"]
    if counts not in STAGES:
        raise InputError(f"{path}: counts: {counts!r} is none of {', '.join(STAGES)}; make the file again")
    return counts
