"""Annotations, splits and points in the HR-Pro layout -> checked JSON files, times in seconds."""

import argparse

from hrpro import annotations, errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", required=True, help="the data set's folder")
    parser.add_argument("--ambiguous", help="THUMOS14's list of ambiguous segments")
    parser.add_argument("--annotations", help="output: what the evaluation reads")
    parser.add_argument("--points", help="output: what training reads")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    truth, points = annotations.convert(args.root, args.ambiguous)
    annotations.warn(truth["database"], points["videos"])
    for path, content in ((args.annotations, truth), (args.points, points)):
        if path:
            files.write_json(path, content, indent=1)


if __name__ == "__main__":
    errors.run(main)
