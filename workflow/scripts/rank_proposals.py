"""The training videos' proposals ranked by reliability: the reliable ones and, drawn, negative ones.

Where true segments are known, they are the reliable ones, and the negative ones lie outside of them.
"""

import argparse

from hrpro import config  # first: from here on Ctrl-C ends it with one line

# isort: split
import numpy as np
import torch

from hrpro.data import training_points, training_segments
from hrpro.data.scores import ScoreFile
from hrpro.detection import results
from hrpro.detection.segments import Segments
from hrpro.grid import Grid
from hrpro.layers.packing import Packing
from hrpro.proposals import ranking
from hrpro.training import seeds
from hrpro.utils import errors, files, options, progress
from hrpro.utils.names import shown


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scores", required=True, help="of the training split, of score_snippets.py")
    parser.add_argument("--points", nargs="?")
    parser.add_argument("--segments", nargs="?", help="in place of points: of label_segments.py")
    parser.add_argument("--positive", required=True, help="of propose_training.py")
    parser.add_argument("--settings", required=True, help="JSON of settings.proposals")
    parser.add_argument("--seed", type=options.seed, required=True)
    for output in ("reliable", "negative"):
        parser.add_argument(f"--{output}", required=True, help="output")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Proposals, args.settings)
    options.require_one(args, "points", "segments")
    rng = np.random.default_rng(args.seed)
    reliable, negative, total = {}, {}, 0
    with ScoreFile(args.scores) as scores:
        grid, classes = scores.grid, scores.classes
        if args.segments:
            truth = training_segments.read(args.segments, scores.videos)
        else:
            points = training_points.read(args.points, scores.videos).videos
        positive, known = results.read_each(args.positive, classes), set(scores.videos)
        for video, proposals in progress.track(positive, len(scores.videos), "ranked proposals"):
            if video not in known:
                raise other_videos(args, video, args.positive, args.scores)
            background = scores.read(video).background
            if args.segments:
                reliable[video], seed = by_segments(video, truth, length=len(background), grid=grid)
                negative[video] = ranking.negatives_beside(
                    proposals, seed, grid=grid, settings=settings, rng=rng
                )
                continue
            labels = seeds.point_labels(
                points[video],
                classes,
                length=len(background),
                grid=grid,
                same_action=settings.same_action,
            )
            pairs = ranking.number_labels(points[video], classes, grid, settings.same_action)
            seed = background_seeds(background, labels, scores.thresholds)
            reliable[video], negative[video] = ranking.rank(
                proposals, pairs, seed, grid=grid, settings=settings, rng=rng
            )
            total += len(pairs)
        if absent := min(known - reliable.keys(), default=None):
            raise other_videos(args, absent, args.scores, args.positive)

    if args.points:
        without = total - sum(map(len, reliable.values()))
        progress.log.info("%d of %d points without a reliable proposal", without, total)
    with files.together():
        results.write(args.reliable, reliable.items(), classes)
        results.write(args.negative, negative.items(), classes)


def other_videos(args: argparse.Namespace, video: str, path: str, other: str) -> errors.InputError:
    """The error on a video that one file has and another one lacks."""
    return errors.InputError(
        f"{args.positive}: not the proposals of {args.scores}: {path} has {shown(video)}, {other} has not; "
        "give --positive of the same split"
    )


def by_segments(
    video: str, truth: training_segments.TrainingSegments, *, length: int, grid: Grid
) -> tuple[Segments, np.ndarray]:
    """The true segments of a training video of so many snippets, and its background seeds by them, (T,)."""
    known, classes = truth.videos[video], truth.classes
    ambiguous = truth.ambiguous.get(video, [])
    _, seed = seeds.of_segments(known, classes, ambiguous=ambiguous, length=length, grid=grid)
    return truth.of_video(video), seed


def background_seeds(background: np.ndarray, labels: torch.Tensor, thresholds: dict) -> np.ndarray:
    """The background seeds of a training video under its scores: (T,) of 0 and 1.

    background: B (T,); labels (T, C): where its points lie; thresholds: the score file's.
    """
    _, seed = seeds.mine(
        torch.from_numpy(background),
        labels,
        Packing([len(background)]),
        background_threshold=thresholds["background"],
        action_threshold=thresholds["action"],
    )
    return seed.numpy()


if __name__ == "__main__":
    errors.run(main)
