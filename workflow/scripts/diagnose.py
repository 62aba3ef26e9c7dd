"""What is wrong with the detections of a file, against an annotations file, both ActivityNet-style.

What each type of error costs, which instances are missed, how far starts and ends are off, and where the
points of a training lie (docs/diagnosis.md). Times in seconds.
"""

import argparse
import math
from collections import Counter

from hrpro.data import annotations, points
from hrpro.detection import results
from hrpro.diagnosis import audit, buckets, figures, matching, words
from hrpro.evaluation import arguments
from hrpro.utils import errors, files, progress
from hrpro.utils.names import quoted

SHORTEST = 1e-6  # seconds of a snippet


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_arguments(parser)
    parser.add_argument(
        "--buckets",
        choices=[*buckets.SCHEMES, buckets.QUANTILES],
        help="of coverage, length and number of instances; default: as the videos' names say",
    )
    parser.add_argument(
        "--snippet", type=float, help="seconds from a snippet to the next one, for errors in snippets"
    )
    parser.add_argument(
        "--points", help="a points.json, or a CSV file of points, of videos in the annotations file"
    )
    parser.add_argument("--output", help="a JSON file with all figures")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = arguments.settings_of(args)
    if args.snippet is not None and not SHORTEST <= args.snippet < math.inf:
        raise errors.InputError(f"--snippet {args.snippet:g}: expected seconds, from {SHORTEST:g} on")
    truth, ambiguous, classes = annotations.test_truth(
        args.annotations, args.subset, args.exclude, may_be_empty=True
    )
    entries = annotations.read_entries(args.annotations)
    detections = results.read_scored(
        args.detections, classes, truth, subset=args.subset, exclude=args.exclude
    )
    matched = matching.match(
        truth,
        detections,
        classes,
        settings.tiou,
        durations={video: annotations.number(entries[video], "duration") for video in truth},
        ambiguous=ambiguous if settings.ignore_ambiguous else None,
    )
    if any(matched.left_out.values()):
        progress.log.warning(
            "%s: left out %d instances without length and %d longer than their video",
            args.annotations, *matched.left_out.values(),
        )  # fmt: skip
    if not len(matched.instances):
        raise errors.InputError(
            f"{args.annotations}: no video of subset {args.subset} has an instance with a length; "
            "add what to compare with"
        )
    of_videos = points.read_seconds(args.points, entries) if args.points else {}
    counts = Counter(label for of_video in of_videos.values() for _, label in of_video)
    diagnosis = figures.diagnose(
        matched, scheme=args.buckets, snippet_s=args.snippet, points=counts if args.points else None
    )
    diagnosis["points"] = audit_of(args.annotations, classes, of_videos) if args.points else None
    if args.output is not None:
        files.write_json(args.output, diagnosis)
    print("\n".join(words.lines(diagnosis)))


def audit_of(path: str, classes: list[str], points: dict[str, list[tuple[float, str]]]) -> dict:
    """The audit of points, {video: [(seconds, class)]}, by the instances of an annotation file."""
    truth = annotations.test_truth(path, None, [], classes, may_be_empty=True).instances
    numbers = {name: number for number, name in enumerate(classes)}
    unknown = {label for of_video in points.values() for _, label in of_video} - numbers.keys()
    if unknown:
        progress.log.warning(
            "points of classes that %s does not name: %s; they lie in no instance",
            path,
            quoted(sorted(unknown)),
        )
    return audit.audit(
        {video: truth[video] for video in points},
        {
            video: [(seconds, numbers.get(label, -1)) for seconds, label in of_video]
            for video, of_video in points.items()
        },
    )


if __name__ == "__main__":
    errors.run(main)
