"""Proposals of the training videos, ranked by reliability: positive, reliable, negative."""

import argparse
from collections.abc import Iterator

import numpy as np
import torch

from hrpro import config
from hrpro.data.scores import ScoreFile
from hrpro.detection import results
from hrpro.detection.segments import Segments
from hrpro.layers.packing import Packing
from hrpro.proposals import generation, ranking
from hrpro.training import seeds
from hrpro.utils import errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", required=True, help="of the training split, of score_snippets.py")
    parser.add_argument("--points", required=True)
    parser.add_argument("--settings", required=True, help="JSON of settings.proposals")
    parser.add_argument("--seed", type=int, required=True)
    for output in ("positive", "reliable", "negative"):
        parser.add_argument(f"--{output}", required=True, help="output")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Proposals, args.settings)
    points = files.read_json(args.points, "videos")["videos"]
    rng = np.random.default_rng(args.seed)
    positive, reliable, negative = {}, {}, {}
    with ScoreFile(args.scores) as scores:
        grid, classes, videos = scores.grid, scores.classes, scores.videos
        pairs = {
            video: ranking.number_labels(points[video], classes, grid, settings.same_action)
            for video in videos
        }
        proposals = propose_training(scores, pairs, settings)
        for video in progress.track(videos, len(videos), "training proposals"):
            positive[video] = next(proposals)
            background = scores.read(video).background
            labels = seeds.point_labels(
                points[video],
                classes,
                length=len(background),
                grid=grid,
                same_action=settings.same_action,
            )
            seed = background_seeds(background, labels, scores.thresholds)
            reliable[video], negative[video] = ranking.rank(
                positive[video], pairs[video], seed, grid=grid, settings=settings, rng=rng
            )

    total = sum(map(len, pairs.values()))
    without = total - sum(map(len, reliable.values()))
    progress.log.info("%d of %d points without a reliable proposal", without, total)
    results.write(args.positive, positive.items(), classes)
    results.write(args.reliable, reliable.items(), classes)
    results.write(args.negative, negative.items(), classes)


def propose_training(scores: ScoreFile, points: dict, settings: config.Proposals) -> Iterator[Segments]:
    """The proposals of each training video, of the classes of its points or of the predicted ones (fault 4).

    points: {video: [(seconds, class)]}.
    """
    of_videos = (scores.read(video) for video in points)
    if settings.training_classes == "predicted":
        return generation.propose_test(of_videos, scores.grid, settings)
    labelled = (np.unique([label for _, label in pairs]).astype(int) for pairs in points.values())
    videos = (generation.video_of(scores, labels) for scores, labels in zip(of_videos, labelled, strict=True))
    return generation.propose(videos, scores.grid, settings)


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
