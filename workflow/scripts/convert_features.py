"""The features of one split of a data set, in any layout of docs/data.md -> one HDF5 file."""

import argparse
import functools

from hrpro import config
from hrpro.data import annotations, features, layouts
from hrpro.grid import Grid
from hrpro.utils import errors, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", required=True, help="the data set's folder")
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
    labels = config.from_json(config.Labels, args.labels)
    splits = annotations.read_splits(args.root, labels)
    sources = layouts.of_splits(args.root, layout, splits)
    values = {"frames": args.frames, "fps": args.fps, "window": args.window}
    snippet = config.parse(config.Snippet, values, "snippet")
    convert = functools.partial(
        features.convert,
        {video: sources[video] for video in sorted(splits[args.split])},
        annotations.durations(args.root, splits, labels),
        Grid(snippet.frames, snippet.fps, snippet.window),
        dtype=settings.dtype,
        layout=layout,
        output=args.output,
    )
    if args.split == "train":
        convert()
        return
    if not args.training_features:
        raise errors.InputError(
            "--training-features: missing; the training split decides width and orientation"
        )
    with features.FeatureFile(args.training_features) as training:
        convert(training=training)


if __name__ == "__main__":
    errors.run(main)
