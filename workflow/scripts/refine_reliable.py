"""The training videos' reliable proposals once more, from stage 2's refined and rescored ones."""

import argparse

from hrpro import config, inference
from hrpro.data import training_points
from hrpro.data.features import FeatureFile
from hrpro.data.scores import ScoreFile
from hrpro.detection import results
from hrpro.proposals import ranking
from hrpro.utils import devices, errors, options, process, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", required=True)
    parser.add_argument("--points", required=True)
    parser.add_argument("--scores", required=True, help="of score_snippets.py")
    parser.add_argument("--positive", required=True, help="of propose_training.py")
    parser.add_argument("--model", required=True, help="of train_stage2.py")
    parser.add_argument("--settings", required=True, help="JSON of settings.detection")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=options.threads, default=1)
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Detection, args.settings)
    device, reliable = devices.choose_device(args.device), {}
    with FeatureFile(args.features) as features, ScoreFile(args.scores) as scores:
        file, stage2 = inference.fitting(args.model, "stage2", device, features=features, scores=scores)
        positive = results.read_each(args.positive, file.classes)
        process.start(seed=0, threads=args.threads, width=features.width)  # nothing is drawn
        points = training_points.read(args.points, features.videos).videos
        for video, segments in stage2.detect_all(features, scores, positive, settings):
            pairs = ranking.number_labels(points[video], file.classes, scores.grid)
            numbers = ranking.reliable(segments, pairs, any_score=True)
            reliable[video] = segments.take([number for number in numbers if number is not None])
    results.write(args.output, reliable.items(), file.classes)


if __name__ == "__main__":
    errors.run(main)
