"""The features of one split of a data set, in any layout of docs/data.md -> one HDF5 file."""

import argparse
import contextlib

from hrpro import config
from hrpro.data import conversion, features, layouts, sources, splits
from hrpro.grid import Grid
from hrpro.utils import errors, options, planned, progress
from hrpro.utils.errors import InputError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=options.path, required=True, help="the data set's folder")
    parser.add_argument("--labels", default="{}", help="JSON of the entry's annotations and points")
    parser.add_argument("--features", default="{}", help="JSON of the entry's `features`; default: {}")
    parser.add_argument("--frames", type=int, required=True, help="frames from a snippet to the next one")
    parser.add_argument("--window", type=int, help="frames that a snippet sees; default: as --frames")
    parser.add_argument("--fps", type=float, required=True, help="frames per second of the snippets")
    parser.add_argument("--settings", required=True, help="JSON of settings.features")
    parser.add_argument("--split", required=True, choices=config.SPLITS)
    parser.add_argument(
        "--training-features", nargs="?", help="for --split test: the training split's output"
    )
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Features, args.settings)
    layout = config.from_json(config.FeatureFiles, args.features, "--features")
    labels = config.from_json(config.Labels, args.labels, "--labels")
    snippet = {"frames": args.frames, "fps": args.fps, "window": args.window}
    snippet = config.parse(config.Snippet, snippet, "snippet")
    contents = splits.read(args.root, labels)
    of_videos = layouts.of_splits(args.root, layout, contents.videos, labels.names)
    training = contextlib.nullcontext()
    if args.split == "test":
        if not args.training_features:
            raise InputError("--training-features: missing; the training split decides width and orientation")
        training = features.FeatureFile(args.training_features)
    of_split = {video: of_videos[video] for video in sorted(contents.videos[args.split])}

    def source() -> str:
        return planned.digest(layout.width, sources.FileDigests().of_features(of_split))

    with training as training_file, planned.unchanged(sources.files_behind(of_split), source):
        features.convert(
            of_split,
            conversion.durations(contents, args.split),
            Grid(snippet.frames, snippet.fps, snippet.window),
            dtype=settings.dtype,
            layout=layout,
            output=args.output,
            training=training_file,
        )


if __name__ == "__main__":
    errors.run(main)
