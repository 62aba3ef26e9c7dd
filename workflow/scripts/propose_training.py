"""Proposals of the training videos, of the classes that they are labelled with."""

import argparse
from collections.abc import Iterator

from hrpro import config  # first: from here on Ctrl-C ends it with one line

# isort: split
import numpy as np

from hrpro.data import training_points
from hrpro.data.instances import classes_of
from hrpro.data.scores import ScoreFile
from hrpro.detection import results
from hrpro.detection.segments import Segments
from hrpro.proposals import generation
from hrpro.utils import errors, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", required=True, help="of the training split, of score_snippets.py")
    parser.add_argument("--labels", required=True, help="of label_videos.py, or of label_segments.py")
    parser.add_argument("--settings", required=True, help="JSON of settings.proposals")
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Proposals, args.settings)
    with ScoreFile(args.scores) as scores:
        labels = training_points.read(args.labels, scores.videos, with_times=False).videos
        proposals = propose_training(scores, labels, settings)
        videos = progress.track(scores.videos, len(scores.videos), "training proposals")
        results.write(args.output, zip(videos, proposals, strict=True), scores.classes)


def propose_training(scores: ScoreFile, labels: dict, settings: config.Proposals) -> Iterator[Segments]:
    """The proposals of each training video, of its classes or of the predicted ones (fault 4).

    labels: {video: [{"label"}]}.
    """
    of_videos = (scores.read(video) for video in scores.videos)
    if settings.training_classes == "predicted":
        return generation.propose_test(of_videos, scores.grid, settings)
    numbers = (
        np.array([scores.classes.index(label) for label in classes_of(labels[video])], dtype=int)
        for video in scores.videos
    )
    videos = (generation.video_of(scores, some) for scores, some in zip(of_videos, numbers, strict=True))
    return generation.propose(videos, scores.grid, settings)


if __name__ == "__main__":
    errors.run(main)
