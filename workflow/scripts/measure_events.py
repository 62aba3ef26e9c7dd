"""How good the lists of events are on the test videos, a list per seed: F1, edit score, calibration error."""

import argparse

from hrpro import config
from hrpro.data import annotations, training_points
from hrpro.detection import results
from hrpro.events import calibration, figures
from hrpro.utils import errors, files, options, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--annotations", required=True, help="of the test split")
    parser.add_argument("--detections", required=True, nargs="+", help="one file per seed")
    parser.add_argument("--labels", required=True, help="of the training split, of label_videos.py")
    parser.add_argument("--calibration", required=True, help="of calibrate_events.py")
    parser.add_argument("--events", required=True, help="JSON of settings.events")
    parser.add_argument("--exclude", type=options.names, default="", help='videos left out: a,b or "a, 1",b')
    parser.add_argument(
        "--ignore-ambiguous",
        action="store_true",
        help='wrong events on a video\'s "ambiguous" segments count neither way',
    )
    parser.add_argument("--output", required=True, help="a JSON file")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = calibration.read(args.calibration, config.from_json(config.Events, args.events, "--events"))
    labels = training_points.read(args.labels, with_times=False).classes
    named = annotations.class_names(annotations.read_database(args.annotations))
    classes = sorted({*labels, *named})
    truth, ambiguous, _ = annotations.test_truth(args.annotations, "test", args.exclude, classes)
    scoring = {"classes": classes, "ambiguous": ambiguous if args.ignore_ambiguous else {}}
    detections = [
        dict(results.read_scored(path, classes, truth, subset="test", exclude=args.exclude))
        for path in args.detections
    ]
    runs = [figures.measure(truth, of_seed, settings, **scoring) for of_seed in detections]
    files.write_json(
        args.output,
        {
            "cut": settings.cut,
            "at": None if settings.cut == "f1" else settings.at,
            "held_back": figures.held_back(settings),
            "instances": sum(map(len, truth.values())),
            **figures.over_seeds(runs),
            "calibration": figures.diagnose(truth, detections[0], settings, **scoring),
        },
        indent=1,
    )


if __name__ == "__main__":
    errors.run(main)
