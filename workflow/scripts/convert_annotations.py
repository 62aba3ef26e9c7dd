"""Annotations, splits and points in the HR-Pro layout -> checked JSON files, times in seconds."""

import argparse

from hrpro import annotations, errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", required=True, help="the data set's folder")
    parser.add_argument("--ambiguous", help="THUMOS14's list of ambiguous segments")
    parser.add_argument("--annotations", required=True, help="output: what the evaluation reads")
    parser.add_argument("--points", required=True, help="output: what training reads")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    truth, points = annotations.convert(args.root, args.ambiguous)
    files.write_json(args.annotations, truth, indent=1)
    files.write_json(args.points, points, indent=1)


if __name__ == "__main__":
    errors.run(main)
