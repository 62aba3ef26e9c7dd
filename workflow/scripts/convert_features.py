"""The features of a data set, in any layout of docs/data.md -> one HDF5 file."""

import argparse

from hrpro import config
from hrpro.data import annotations, features
from hrpro.grid import Grid
from hrpro.utils import errors, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", required=True, help="the data set's folder")
    parser.add_argument("--labels", default="{}", help="JSON of the entry's annotations and points")
    parser.add_argument("--features", default="{}", help="JSON of the entry's `features`; default: {}")
    parser.add_argument("--frames", type=int, required=True, help="frames from a snippet to the next one")
    parser.add_argument("--window", type=int, help="frames that a snippet sees; default: as --frames")
    parser.add_argument("--fps", type=float, required=True, help="frames a second of the snippets")
    parser.add_argument("--settings", required=True, help="JSON of settings.features")
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Features, args.settings)
    chosen = config.from_json(config.FeatureFiles, args.features, "--features")
    labels = config.from_json(config.Labels, args.labels)
    given = {"frames": args.frames, "fps": args.fps, "window": args.window}
    snippet = config.parse(config.Snippet, given, "snippet")
    splits = annotations.read_splits(args.root, labels)
    durations = annotations.durations(args.root, splits, labels)
    grid = Grid(snippet.frames, snippet.fps, snippet.window)
    features.convert(args.root, splits, durations, grid, settings.dtype, args.output, chosen)


if __name__ == "__main__":
    errors.run(main)
