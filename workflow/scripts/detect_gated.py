"""The detections of the last stage that counts, as they are (docs/method.md, section 6.3)."""

import argparse
import shutil

from hrpro.detection import gate
from hrpro.utils import errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gate", required=True, help="of gate.py: which stages count")
    gate.add_stages(parser, "on the test videos")
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    counts, stages = gate.read(args.gate), gate.stages_of(args)
    if counts not in stages:
        raise errors.InputError(
            f"{args.gate}: counts: {counts}, of which there are no detections; make it again"
        )
    with files.atomic(args.output) as temporary:
        shutil.copyfile(stages[counts], temporary)


if __name__ == "__main__":
    errors.run(main)
