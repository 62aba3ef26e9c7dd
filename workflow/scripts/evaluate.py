"""mAP of a detections file against an annotations file, both ActivityNet-style.

Times in seconds. Detections in videos outside the subset count as wrong, as in the field's program. Only to
compare with P-MIL's published figures, --protocol pmil takes times in snippets and rounds the annotated ones
to whole snippets (docs/method.md, section 7.5).
"""

import argparse

from hrpro import config
from hrpro.data import annotations
from hrpro.detection import results
from hrpro.evaluation import arguments, mean_ap, snippets
from hrpro.grid import Grid
from hrpro.utils import errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    arguments.add_arguments(parser)
    parser.add_argument("--protocol", choices=("seconds", "pmil"), default="seconds")
    parser.add_argument("--frames", type=int, default=16, help="of a snippet, for pmil; default: 16")
    parser.add_argument("--fps", type=float, default=25, help="at which it has them; default: 25")
    parser.add_argument("--output", help="a JSON file")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = arguments.settings_of(args)
    tiou = settings.tiou
    truth, ambiguous, classes = annotations.test_truth(args.annotations, args.subset, args.exclude)
    if not any(map(len, truth.values())):
        raise errors.InputError(
            f"{args.annotations}: no video of subset {args.subset} has an annotation; add what to score with"
        )
    detections = results.read_scored(
        args.detections, classes, truth, subset=args.subset, exclude=args.exclude
    )
    regions, protocol = ambiguous if settings.ignore_ambiguous else None, {}
    if args.protocol == "pmil":
        if regions is not None:
            raise errors.InputError("--protocol pmil: knows no ambiguous segments; drop --ignore-ambiguous")
        grid, protocol = snippet_grid(args), {"protocol": "pmil"}
        truth = {video: snippets.in_whole_snippets(true, grid) for video, true in truth.items()}
        detections = ((video, snippets.in_snippets(found, grid)) for video, found in detections)
    per_class = mean_ap.evaluate(truth, detections, classes, tiou, regions)
    result = {"tiou": tiou, **protocol, **mean_ap.summary(per_class, tiou)}
    if args.output is not None:
        files.write_json(args.output, result, indent=1)
    for threshold, value in zip(tiou, result["mAP"], strict=True):
        print(f"mAP at tIoU {threshold:g}: {value:.2f} %")
    for name, value in result["average"].items():
        print(f"mean over {name}: {value:.2f} %")


def snippet_grid(args: argparse.Namespace) -> Grid:
    """The grid of --frames and --fps. Raises InputError where these make none."""
    snippet = config.parse(config.Snippet, {"frames": args.frames, "fps": args.fps}, "snippet")
    return Grid(snippet.frames, snippet.fps)


if __name__ == "__main__":
    errors.run(main)
