"""Detections on the test videos: of stage 1 from its proposals alone, of stage 2 with its model."""

import argparse

from hrpro import annotations, config, detections, errors, files, progress, suppression, training
from hrpro.features import FeatureFile
from hrpro.instance import infer, model
from hrpro.scores import ScoreFile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--proposals", required=True, help="of the test videos, of propose.py")
    parser.add_argument("--points", required=True, help="for the names of the classes")
    parser.add_argument("--model", help="of train_stage2.py; without it, stage 1's detections")
    parser.add_argument("--features", help="with --model")
    parser.add_argument("--scores", help="with --model: of score_snippets.py")
    parser.add_argument("--annotations", help="where ambiguous segments are to be dropped")
    parser.add_argument("--settings", required=True, help="JSON of settings.detection")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Detection, args.settings)
    classes = files.read_json(args.points, "classes")["classes"]
    candidates = detections.read(args.proposals, classes)
    if args.model:
        network, _ = model.load(args.model, training.choose_device(args.device))
        with FeatureFile(args.features) as file, ScoreFile(args.scores) as scores:
            training.start(0, args.threads, file.width)  # nothing is drawn
            candidates = infer.candidates(network, file, scores, "test", candidates, settings)
    unsure = {}
    if settings.drop_ambiguous:
        _, unsure, _ = annotations.test_truth(args.annotations, "test", [], classes)
    detections.write(args.output, suppression.suppress(candidates, settings, unsure), classes)


if __name__ == "__main__":
    errors.run(main)
