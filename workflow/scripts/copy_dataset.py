"""A seeded copy of a data set: other points, fewer or wrong ones, or training videos as the test split."""

import argparse
from pathlib import Path

from hrpro import config
from hrpro.data import annotations, copies
from hrpro.utils import errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parent", required=True, help="results/<dataset>, with its three files")
    parser.add_argument("--settings", required=True, help="JSON of an entry of copies")
    parser.add_argument("--output", required=True, help="results/<dataset>-<copy>, for the same three")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    parent, output = Path(args.parent), Path(args.output)
    settings = config.from_json(config.Copy, args.settings)
    database = annotations.read_database(parent / "annotations.json")
    points = files.read_json(parent / "points.json", "classes", "videos")
    classes = points["classes"]
    copied, videos = copies.change(
        database, points["videos"], classes, settings, str(parent / "annotations.json")
    )
    subsets = {video: entry["subset"] for video, entry in database.items()}
    copies.link_features(parent / "features.h5", subsets, copied, output / "features.h5")
    files.write_json(output / "annotations.json", {"database": copied}, indent=1)
    files.write_json(output / "points.json", {"classes": classes, "videos": videos}, indent=1)


if __name__ == "__main__":
    errors.run(main)
