"""What the scores of events are worth: by the detections on held-back training videos and their points."""

import argparse

from hrpro.data import annotations, training_points
from hrpro.detection import results
from hrpro.events import calibration, fitting
from hrpro.utils import errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--annotations", required=True, help="the held-back videos' points as annotations")
    parser.add_argument("--detections", required=True, help="on the held-back videos")
    parser.add_argument("--labels", required=True, help="of all training videos, of label_videos.py")
    parser.add_argument("--output", required=True, help="a JSON file")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    classes = training_points.read(args.labels, with_times=False).classes
    points, _, _ = annotations.test_truth(args.annotations, "test", [], classes)
    detections = results.read_scored(args.detections, classes, points, subset="test", exclude=[])
    fitted = fitting.calibrate(points, detections, classes)
    files.write_json(args.output, fitted.model_dump(), indent=1)
    if fitted.scores:
        best = calibration.held_back(fitted)["f1"].max()
        progress.log.info("%d held-back points; F1 by them %.1f %% at best", fitted.points, 100 * best)
    else:
        progress.log.warning(
            "no event in the held-back videos is right, by their %d points, so that none is listed; add "
            "points, or raise copies.held_points.held_back",
            fitted.points,
        )


if __name__ == "__main__":
    errors.run(main)
