"""The true segments of the training videos, by their annotations: for trainings with full supervision."""

import argparse

from hrpro.data import annotations, training_points, training_segments
from hrpro.utils import errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--annotations", required=True, help="of the training split, of convert_annotations.py"
    )
    parser.add_argument("--points", required=True, help="of convert_points.py: the names of the classes")
    parser.add_argument("--segments", required=True, help="output")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    points = training_points.read(args.points, with_times=False)
    database = annotations.read_database(args.annotations)
    if video := min(points.videos.keys() - database.keys(), default=None):
        raise errors.InputError(
            f"{args.points}: {video} is not a video of {args.annotations}; remove both and make them again"
        )
    segments = training_segments.of_split(database, points, args.annotations)
    files.write_json(args.segments, segments._asdict(), indent=1)


if __name__ == "__main__":
    errors.run(main)
