"""What labels of the training videos are worth: mAP against minutes of labelling, with the numbers."""

import argparse

from hrpro import config
from hrpro.report import worth
from hrpro.utils import errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="the data set's name")
    parser.add_argument("--settings", required=True, help="the labels, as JSON (report/worth.py)")
    parser.add_argument("--figure", required=True, help="output: an SVG file")
    parser.add_argument("--json", required=True, help="output: its numbers")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    content = worth.figures(args.name, config.from_json(worth.Settings, args.settings))
    with files.together():
        files.write_text(args.figure, worth.draw(content))
        files.write_json(args.json, content, indent=1)


if __name__ == "__main__":
    errors.run(main)
