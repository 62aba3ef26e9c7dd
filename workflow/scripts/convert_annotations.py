"""The annotations of one split of a data set -> a checked JSON file, times in seconds."""

import argparse

from hrpro import config
from hrpro.data import annotations, conversion, features
from hrpro.utils import errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", required=True, help="the data set's folder")
    parser.add_argument("--labels", default="{}", help="JSON of the entry's annotations and points")
    parser.add_argument("--ambiguous", nargs="?", help="THUMOS14's list of ambiguous segments")
    parser.add_argument(
        "--features", nargs="?", help="training features: the lengths of videos without an entry"
    )
    parser.add_argument("--split", required=True, choices=config.SPLITS)
    parser.add_argument("--annotations", required=True, help="output")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.0,
        help="seconds that a point may lie outside its video; default: 0",
    )
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    labels = config.from_json(config.Labels, args.labels)
    lengths = features.read_lengths(args.features) if args.features else None
    converted = conversion.convert(
        args.root, labels, ambiguous=args.ambiguous, lengths=lengths, tolerance=args.tolerance
    )
    database = annotations.of_split(converted.annotations["database"], args.split)
    annotations.require_durations(
        database, args.features or annotations.file_of(args.root, labels.annotations)
    )
    annotations.warn_of_segments(database)
    files.write_json(args.annotations, {"database": database}, indent=1)


if __name__ == "__main__":
    errors.run(main)
