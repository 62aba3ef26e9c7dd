"""One test video's true segments and detections on a time axis, as an SVG."""

import argparse

from hrpro.data import annotations
from hrpro.detection import results
from hrpro.detection.segments import segments
from hrpro.report import timeline
from hrpro.utils import errors, files, options, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--annotations", required=True, help="of convert_annotations.py")
    parser.add_argument("--detections", required=True, help="detections.json")
    parser.add_argument("--video", help="default: the first by name that has an instance")
    parser.add_argument(
        "--least-score", type=options.unit, default=0.1, help="of a detection; default %(default)s"
    )
    parser.add_argument("--output", required=True, help="an SVG file")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    database = annotations.read_database(args.annotations)
    classes = annotations.class_names(database)
    video = args.video or first_video(database, args.annotations)
    if video not in database:
        raise errors.InputError(f"--video {video}: not in {args.annotations}; name one of its videos")
    entry = database[video]
    of_videos = results.read_each(args.detections, classes)
    detections = next((found for name, found in of_videos if name == video), segments([]))
    figure = timeline.draw(
        video,
        annotations.instances(entry, classes),
        detections.take(detections.scores >= args.least_score),
        classes=classes,
        duration=entry["duration"],
    )
    files.write_text(args.output, figure)


def first_video(database: dict, path: str) -> str:
    """The first video by name that has an instance. Raises InputError where none has."""
    videos = sorted(video for video, entry in database.items() if entry["annotations"])
    if not videos:
        raise errors.InputError(f"{path}: no video has an annotation; there is nothing to compare with")
    return videos[0]


if __name__ == "__main__":
    errors.run(main)
