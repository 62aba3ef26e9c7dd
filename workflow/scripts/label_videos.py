"""The classes of each training video, by its points and without their times."""

import argparse

from hrpro.data import training_points
from hrpro.data.instances import without_times
from hrpro.utils import errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", required=True, help="of convert_points.py")
    parser.add_argument("--labels", required=True, help="output: as --points, each class once per video")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    points = training_points.read(args.points, with_times=False)
    labels = {video: without_times(of_video) for video, of_video in points.videos.items()}
    files.write_json(args.labels, {"classes": points.classes, "videos": labels}, indent=1)


if __name__ == "__main__":
    errors.run(main)
