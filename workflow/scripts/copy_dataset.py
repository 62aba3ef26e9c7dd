"""One split of a seeded copy of a data set: with other, fewer or wrong points, or with videos held back."""

import argparse

from hrpro import config
from hrpro.data import annotations, copies, training_points
from hrpro.utils import errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", required=True, choices=config.SPLITS, help="the split of the copy")
    parser.add_argument("--annotations", required=True, help="of the data set's split that it is made of")
    parser.add_argument("--features", required=True, help="of the same split")
    parser.add_argument(
        "--points", nargs="?", help="of the training split; without them the split is copied as it is"
    )
    parser.add_argument("--settings", required=True, help="JSON of an entry of copies")
    parser.add_argument("--output-annotations", required=True)
    parser.add_argument("--output-features", required=True, help="links into --features")
    parser.add_argument("--output-points", help="for --split train")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Copy, args.settings)
    database = annotations.read_database(args.annotations)
    if args.points:
        points = training_points.read(args.points, with_times=False)
        require_same_videos(args, database, points.videos)
        database, moments = copies.change(
            database, points.videos, points.classes, settings=settings, place=args.annotations
        )
        database = annotations.of_split(database, args.split)
    with files.together():
        copies.link_features(args.features, list(database), args.output_features)
        files.write_json(args.output_annotations, {"database": database}, indent=1)
        if args.points and args.output_points:
            files.write_json(args.output_points, {"classes": points.classes, "videos": moments}, indent=1)


def require_same_videos(args: argparse.Namespace, database: dict, points: dict) -> None:
    """Raise InputError where the points are of videos that are not annotated."""
    if video := min(points.keys() - database.keys(), default=None):
        raise errors.InputError(
            f"{args.points}: {video} is not a video of {args.annotations}; remove both and make them again"
        )


if __name__ == "__main__":
    errors.run(main)
