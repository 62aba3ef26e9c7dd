"""Features in the HR-Pro layout, an .npy file a video -> one HDF5 file."""

import argparse

from hrpro import annotations, config, errors, features, progress
from hrpro.grid import Grid


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", required=True, help="the data set's folder")
    parser.add_argument("--extracted", help="folder of the .npy files; default: as in the HR-Pro layout")
    parser.add_argument("--frames", type=int, required=True, help="frames a snippet")
    parser.add_argument("--fps", type=float, required=True, help="frames a second of the snippets")
    parser.add_argument("--settings", required=True, help="JSON of settings.features")
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Features, args.settings)
    snippet = config.parse(config.Snippet, {"frames": args.frames, "fps": args.fps}, "snippet")
    splits = annotations.read_splits(args.root)
    durations = annotations.durations(args.root, splits)
    grid = Grid(snippet.frames, snippet.fps)
    features.convert(args.root, splits, durations, grid, settings.dtype, args.output, args.extracted)


if __name__ == "__main__":
    errors.run(main)
