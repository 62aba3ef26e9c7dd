"""Proposals of the test videos, and of the training videos ranked: positive, reliable, negative."""

import argparse

import numpy as np
import torch

from hrpro import config, detections, errors, files, progress, proposals, ranking, training
from hrpro.features import FeatureFile
from hrpro.packing import Packing
from hrpro.snippet import infer, model, seeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", required=True)
    parser.add_argument("--points", required=True)
    parser.add_argument("--model", required=True, help="of train_stage1.py")
    parser.add_argument("--settings", required=True, help="JSON of settings.proposals")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    for output in ("positive", "reliable", "negative", "test"):
        parser.add_argument(f"--{output}", required=True, help="output")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Proposals, args.settings)
    network, classes = model.load(args.model, training.choose_device(args.device))
    points = files.read_json(args.points, "videos")["videos"]
    positive, reliable, negative = {}, {}, {}
    with FeatureFile(args.features) as file:
        rng = training.start(args.seed, args.threads, file.width)
        videos = file.videos["train"]
        for video in progress.track(videos, len(videos), "training proposals"):
            scores = infer.snippet_scores(network, file.read("train", [video])[0])
            known = [(point["seconds"], classes.index(point["label"])) for point in points[video]]
            found = propose_training(scores, known, file.grid, settings)
            seed = background_seeds(scores[1], points[video], classes, file.grid, network)
            positive[video] = found
            reliable[video], negative[video] = ranking.rank(found, known, seed, file.grid, settings, rng)
        test = infer.test_proposals(network, file, settings)

    total = sum(map(len, points.values()))
    without = total - sum(map(len, reliable.values()))
    progress.log.info("%d of %d points without a reliable proposal", without, total)
    for path, found in (
        (args.positive, positive),
        (args.reliable, reliable),
        (args.negative, negative),
        (args.test, test),
    ):
        detections.write(path, found, classes)


def propose_training(scores, points, grid, settings) -> detections.Segments:
    """The proposals of a training video, of the classes of its points or of the predicted ones (fault 4)."""
    classes, background, video_score = scores
    if settings.training_classes == "labelled":
        chosen = np.unique([label for _, label in points]).astype(int)
    else:
        chosen = proposals.chosen_classes(video_score, settings.class_score)
    if not len(chosen):
        return detections.segments([])
    return proposals.propose(classes, background, chosen, grid, settings)


def background_seeds(background: np.ndarray, points: list[dict], classes, grid, network) -> np.ndarray:
    """The background seeds of a training video under the trained model: (T,) of 0 and 1."""
    labels = seeds.point_labels(points, classes, len(background), grid)
    _, seed = seeds.mine(
        torch.from_numpy(background),
        labels,
        Packing([len(background)]),
        network.settings.background_threshold,
        network.settings.action_threshold,
    )
    return seed.numpy()


if __name__ == "__main__":
    errors.run(main)
