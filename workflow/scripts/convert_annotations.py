"""The annotations of one split of a data set -> a checked JSON file, times in seconds."""

import argparse
from pathlib import Path

from hrpro import config
from hrpro.data import annotations, conversion, features, splits
from hrpro.utils import errors, files, options, planned, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=options.path, required=True, help="the data set's folder")
    parser.add_argument("--labels", default="{}", help="JSON of the entry's annotations and points")
    parser.add_argument("--ambiguous", nargs="?", help="THUMOS14's list of ambiguous segments")
    parser.add_argument(
        "--features", nargs="?", help="the split's features: the lengths of videos without a duration"
    )
    parser.add_argument("--split", required=True, choices=config.SPLITS)
    parser.add_argument("--annotations", required=True, help="output")
    parser.add_argument(
        "--tolerance",
        type=options.seconds,
        default=conversion.TOLERANCE,
        help="seconds that a segment may reach out of its video without a warning; default: %(default)s",
    )
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    labels = config.from_json(config.Labels, args.labels, "--labels")
    lengths = features.read_lengths(args.features) if args.features else None

    def annotate(lengths: dict[str, float] | None) -> tuple[splits.Contents, dict]:
        contents = splits.read(args.root, labels)
        return contents, conversion.annotate(contents, args.split, ambiguous=args.ambiguous, lengths=lengths)

    paths = conversion.files_of(args.root, labels) + [Path(path) for path in [args.ambiguous] if path]
    with planned.unchanged(paths, lambda: planned.digest(annotate(None)[1])):
        contents, database = annotate(lengths)
    annotations.require_durations(database, contents.path, args.features)
    conversion.warn_of_annotations(contents, database, args.split, args.tolerance)
    files.write_json(args.annotations, {"database": database}, indent=1)


if __name__ == "__main__":
    errors.run(main)
