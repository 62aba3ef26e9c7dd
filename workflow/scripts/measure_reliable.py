"""Localization quality of a stage's reliable proposals, against the training videos' true instances.

For the tables alone: no training reads it.
"""

import argparse

from hrpro.data import annotations, training_points
from hrpro.detection import results
from hrpro.proposals import quality, ranking
from hrpro.utils import errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--annotations", required=True, help="of convert_annotations.py")
    parser.add_argument("--points", required=True, help="of convert_points.py")
    parser.add_argument("--reliable", required=True, help="proposals of the training videos")
    parser.add_argument("--output", required=True, help="a JSON file")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    labelled = training_points.read(args.points)
    classes = labelled.classes
    truth, _, _ = annotations.test_truth(args.annotations, "train", [], classes)
    points = {video: ranking.number_labels(points, classes) for video, points in labelled.videos.items()}
    reliable = results.read(args.reliable, classes)
    files.write_json(args.output, quality.measure(truth, points, reliable), indent=1)


if __name__ == "__main__":
    errors.run(main)
