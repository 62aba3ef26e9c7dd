"""The floor: snippet scores by a logistic regression on the labelled snippets, in place of stage 1."""

import argparse

from hrpro import config
from hrpro.data import scores
from hrpro.data.features import FeatureFile
from hrpro.linear import model as floor
from hrpro.linear.settings import Settings
from hrpro.utils import errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--training-features", required=True)
    parser.add_argument("--features", required=True)
    parser.add_argument("--points", required=True)
    parser.add_argument("--settings", required=True, help="JSON of the settings")
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(Settings, args.settings)
    points = files.read_json(args.points, "classes", "videos")
    classes = points["classes"]
    with FeatureFile(args.training_features) as file, FeatureFile(args.features) as split:
        score = floor.fit(file, points["videos"], classes, settings)
        scores.write(args.output, split, score, classes=classes, thresholds=floor.THRESHOLDS)


if __name__ == "__main__":
    errors.run(main)
