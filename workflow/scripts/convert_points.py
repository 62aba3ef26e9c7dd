"""The points of a data set's training videos -> a checked JSON file, times in seconds."""

import argparse

from hrpro import config
from hrpro.data import annotations, conversion, features, splits
from hrpro.utils import errors, files, options, planned, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=options.path, required=True, help="the data set's folder")
    parser.add_argument("--labels", default="{}", help="JSON of the entry's annotations and points")
    parser.add_argument(
        "--features", nargs="?", help="training features: the lengths of videos without a duration"
    )
    parser.add_argument("--points", required=True, help="output")
    parser.add_argument(
        "--tolerance",
        type=options.seconds,
        default=conversion.TOLERANCE,
        help="seconds outside its video from which a point is moved into it; default: %(default)s",
    )
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    labels = config.from_json(config.Labels, args.labels, "--labels")
    lengths = features.read_lengths(args.features) if args.features else None

    def convert(lengths: dict[str, float] | None) -> tuple[splits.Contents, conversion.Converted]:
        contents = splits.read(args.root, labels)
        return contents, conversion.convert(contents, lengths=lengths, tolerance=args.tolerance)

    paths = conversion.files_of(args.root, labels)
    with planned.unchanged(paths, lambda: planned.digest(convert(None)[1].points)):
        contents, converted = convert(lengths)
    database = converted.annotations["database"]
    annotations.require_durations(annotations.of_split(database, "train"), contents.path, args.features)
    conversion.warn_of_points(database, converted.points["videos"])
    files.write_json(args.points, converted.points, indent=1)


if __name__ == "__main__":
    errors.run(main)
