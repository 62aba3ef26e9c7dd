"""Proposals of the test videos, and of the training videos ranked: positive, reliable, negative."""

import argparse
from collections.abc import Iterator

import numpy as np
import torch

from hrpro import config
from hrpro.data.scores import ScoreFile
from hrpro.detection import results
from hrpro.detection.segments import Segments
from hrpro.grid import Grid
from hrpro.layers.packing import Packing
from hrpro.proposals import generation as proposals
from hrpro.proposals import ranking
from hrpro.snippet import seeds
from hrpro.utils import errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", required=True, help="of score_snippets.py")
    parser.add_argument("--points", required=True)
    parser.add_argument("--frames", type=int, required=True, help="from a snippet to the next one")
    parser.add_argument("--window", type=int, help="frames that a snippet sees; default: as --frames")
    parser.add_argument("--fps", type=float, required=True)
    parser.add_argument("--settings", required=True, help="JSON of settings.proposals")
    parser.add_argument("--seed", type=int, required=True)
    for output in ("positive", "reliable", "negative", "test"):
        parser.add_argument(f"--{output}", required=True, help="output")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Proposals, args.settings)
    points = files.read_json(args.points, "videos")["videos"]
    grid, rng = Grid(args.frames, args.fps, args.window), np.random.default_rng(args.seed)
    positive, reliable, negative = {}, {}, {}
    with ScoreFile(args.scores) as file:
        classes = file.classes
        videos = file.videos("train")
        known = {
            video: [(point["seconds"], classes.index(point["label"])) for point in points[video]]
            for video in videos
        }
        found = propose_training(file, known, grid, settings)
        for video in progress.track(videos, len(videos), "training proposals"):
            positive[video] = next(found)
            background = file.read("train", video).background
            labels = seeds.point_labels(points[video], classes, len(background), grid)
            seed = background_seeds(background, labels, file.thresholds)
            reliable[video], negative[video] = ranking.rank(
                positive[video], known[video], seed, grid, settings, rng
            )
        videos = file.videos("test")
        scores = (file.read("test", video) for video in videos)
        test = dict(zip(videos, proposals.propose_test(scores, grid, settings), strict=True))

    total = sum(map(len, points.values()))
    without = total - sum(map(len, reliable.values()))
    progress.log.info("%d of %d points without a reliable proposal", without, total)
    for path, found in (
        (args.positive, positive),
        (args.reliable, reliable),
        (args.negative, negative),
        (args.test, test),
    ):
        results.write(path, found, classes)


def propose_training(file: ScoreFile, points, grid, settings) -> Iterator[Segments]:
    """The proposals of each training video, of the classes of its points or of the predicted ones (fault 4).

    points: {video: [(seconds, class)]}.
    """
    scores = (file.read("train", video) for video in points)
    if settings.training_classes == "predicted":
        return proposals.propose_test(scores, grid, settings)
    chosen = (np.unique([label for _, label in own]).astype(int) for own in points.values())
    videos = ((own.classes, own.background, labels) for own, labels in zip(scores, chosen, strict=True))
    return proposals.propose(videos, grid, settings)


def background_seeds(background: np.ndarray, labels: torch.Tensor, thresholds: dict) -> np.ndarray:
    """The background seeds of a training video under its scores: (T,) of 0 and 1.

    background: B (T,); labels (T, C): where its points lie; thresholds: the score file's.
    """
    packing = Packing([len(background)])
    _, seed = seeds.mine(
        torch.from_numpy(background), labels, packing, thresholds["background"], thresholds["action"]
    )
    return seed.numpy()


if __name__ == "__main__":
    errors.run(main)
