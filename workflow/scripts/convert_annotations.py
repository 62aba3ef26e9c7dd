"""Annotations, splits and points of a data set -> checked JSON files, times in seconds."""

import argparse

from hrpro import config
from hrpro.data import annotations, features
from hrpro.utils import errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", required=True, help="the data set's folder")
    parser.add_argument("--labels", default="{}", help="JSON of the entry's annotations and points")
    parser.add_argument("--ambiguous", help="THUMOS14's list of ambiguous segments")
    parser.add_argument("--features", help="of convert_features.py: the lengths of videos without an entry")
    parser.add_argument("--annotations", help="output: what the evaluation reads")
    parser.add_argument("--points", help="output: what training reads")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    labels = config.from_json(config.Labels, args.labels)
    lengths = read_lengths(args.features) if args.features else None
    truth, points = annotations.convert(args.root, labels, args.ambiguous, lengths)
    unknown = [video for video, entry in truth["database"].items() if entry["duration"] is None]
    if unknown:
        place = args.features or annotations.file_of(args.root, labels.annotations)
        raise errors.InputError(
            f"{place}: nothing of training video {unknown[0]}, which has points, so its length is unknown; "
            "add an entry with its duration, or say --features FILE of convert_features.py"
        )
    annotations.warn(truth["database"], points["videos"])
    for path, content in ((args.annotations, truth), (args.points, points)):
        if path:
            files.write_json(path, content, indent=1)


def read_lengths(path) -> annotations.Lengths:
    """The training videos' lengths by their features."""
    with features.FeatureFile(path) as file:
        seconds = {video: file.grid.duration(file.length("train", video)) for video in file.videos["train"]}
        return annotations.Lengths(seconds, features.LENGTH_TOLERANCE * file.grid.snippet)


if __name__ == "__main__":
    errors.run(main)
