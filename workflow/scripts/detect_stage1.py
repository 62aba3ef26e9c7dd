"""Stage 1's detections on the test videos: its proposals, suppressed."""

import argparse
import contextlib

from hrpro import config
from hrpro.data import annotations, training_points
from hrpro.detection import results, suppression
from hrpro.utils import errors, progress


def arguments(description: str) -> argparse.ArgumentParser:
    """The options that the stages have in common."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--labels", required=True, help="of label_videos.py: the names of the classes")
    parser.add_argument("--annotations", nargs="?", help="where ambiguous segments are to be dropped")
    parser.add_argument("--settings", required=True, help="JSON of settings.detection")
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    return parser


def run(args, score) -> None:
    """Suppress and write what is scored, some videos at a time.

    score: (classes, settings) -> a generator of the scored segments of each video, in turn.
    """
    progress.start(args.log)
    settings = config.from_json(config.Detection, args.settings)
    classes = training_points.read(args.labels, with_times=False).classes
    unsure = {}
    if settings.drop_ambiguous:
        _, unsure, _ = annotations.test_truth(args.annotations, "test", [], classes)
    with contextlib.closing(score(classes, settings)) as scored:
        results.write(args.output, suppression.suppress(scored, settings, unsure), classes)


def require_classes(path, of_file: list[str], classes: list[str]) -> None:
    """Raise InputError where a file numbers other classes than --labels, or in another order."""
    if of_file != classes:
        raise errors.InputError(f"{path}: of other classes than --labels; give files of one run")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--proposals", required=True, help="of the test videos, of propose_test.py")
    args = parser.parse_args()
    run(args, lambda classes, settings: results.read_each(args.proposals, classes))


if __name__ == "__main__":
    errors.run(main)
