"""Detections -> a list of events: of each class one at a time, with calibrated probabilities."""

import argparse

from hrpro import config
from hrpro.data import training_points
from hrpro.detection import export, results
from hrpro.events import calibration, listing
from hrpro.utils import errors, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detections", required=True)
    parser.add_argument("--labels", required=True, help="of label_videos.py, which names the classes")
    parser.add_argument("--calibration", required=True, help="of calibrate_events.py")
    parser.add_argument("--events", required=True, help="JSON of settings.events")
    parser.add_argument("--output", required=True, help="a CSV file")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    classes = training_points.read(args.labels, with_times=False).classes
    settings = calibration.read(args.calibration, config.from_json(config.Events, args.events, "--events"))
    events = listing.of_detections(results.read(args.detections, classes), settings)
    export.write(args.output, events, classes, least_score=0.0, score="probability")
    total = sum(map(len, events.values()))
    progress.log.info("%s: %d events in %d videos", args.output, total, len(events))


if __name__ == "__main__":
    errors.run(main)
