"""Labels of one tool or data set -> those of another, or hrpro's points.csv or annotations.json; and back.

Formats and their times: docs/data.md, Labels of other tools.
"""

import argparse
from pathlib import Path

from hrpro import config
from hrpro.data import exchange
from hrpro.data.labels import formats
from hrpro.utils import errors, progress
from hrpro.utils.errors import InputError

BY_ENDING = {".csv": exchange.CSV, ".json": exchange.ACTIVITYNET, ".tsv": "table", ".eaf": "elan"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", type=Path, metavar="IN", help="file or folder")
    parser.add_argument("output", type=Path, metavar="OUT", help="file, or folder where it needs several")
    parser.add_argument(
        "--from",
        dest="format",
        default="auto",
        choices=["auto", *config.LABEL_FORMATS],
        help="format of IN; default: recognised by what it holds",
    )
    parser.add_argument(
        "--to",
        choices=exchange.WRITTEN,
        help="format of OUT; default: by its ending, .csv (points), .json (activitynet), .tsv (table), .eaf",
    )
    parser.add_argument("--fps", type=float, help="frames per second, where times are frames")
    parser.add_argument("--tiers", nargs="+", help="tiers, attributes or columns to read; default: all")
    parser.add_argument("--ignore", nargs="+", default=[], help="classes to leave out")
    parser.add_argument(
        "--take",
        choices=config.TAKES,
        default="centre",
        help="the point of an instance; default: %(default)s",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the draws of --take uniform; default: 0")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    form = args.to or BY_ENDING.get(args.output.suffix.lower())
    if form is None:
        raise InputError(f"{args.output}: no format by its ending; name it by --to")
    values = {key: getattr(args, key) for key in ("format", "fps", "tiers", "ignore", "take", "seed")}
    settings = config.parse(config.Points, values)
    source, labels = exchange.read(args.input, settings)
    exchange.write(args.output, form, labels, settings, formats.files_of(args.input, settings))
    points = sum(label.end is None for label in labels.labels)
    print(
        f"{args.input} ({source}): {len(labels.labels) - points} instances and {points} points of "
        f"{len(labels.videos)} videos -> {args.output} ({form})"
    )


if __name__ == "__main__":
    errors.run(main)
