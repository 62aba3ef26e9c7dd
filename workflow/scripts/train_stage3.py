"""Stage 3: train a detector on a segment per point, made of stage 2's candidates; the last model is kept."""

import argparse
from pathlib import Path

from hrpro import config, inference, methods
from hrpro.data import training_points
from hrpro.data.features import FeatureFile
from hrpro.data.scores import ScoreFile
from hrpro.detection import results
from hrpro.training.arguments import add_arguments, make_checkpoint, save
from hrpro.training.task import Stage3Task
from hrpro.utils import devices, errors, process, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", required=True, help="of the training split")
    parser.add_argument("--points", required=True, help="of convert_points.py")
    parser.add_argument("--scores", required=True, help="of the training split, of score_snippets.py")
    parser.add_argument("--positive", required=True, help="of propose_training.py")
    parser.add_argument("--stage2", required=True, help="the model of train_stage2.py")
    parser.add_argument("--settings", required=True, help="JSON of settings.stage3")
    parser.add_argument("--detection", required=True, help="JSON of settings.detection")
    parser.add_argument("--same-action", required=True, type=float, help="settings.proposals.same_action")
    add_arguments(parser)
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Stage3, args.settings)
    detection = config.from_json(config.Detection, args.detection, "--detection")
    device = devices.choose_device(args.device)
    file, stage2 = inference.of_file(args.stage2, "stage2", device)
    with FeatureFile(args.features) as features, ScoreFile(args.scores) as scores:
        rng = process.start(seed=args.seed, threads=args.threads, width=features.width)
        points = training_points.read(args.points, features.videos).videos
        positive = results.read_each(args.positive, file.classes)
        inputs = [args.points, args.scores, args.positive, args.stage2]
        task = Stage3Task(
            features=features,
            points=points,
            classes=file.classes,
            same_action=args.same_action,
            candidates=dict(stage2.detect_all(features, scores, positive, detection)),
            settings=settings,
            rng=rng,
            device=device,
            events=Path(args.events),
            checkpoint=make_checkpoint(args, features=[features], inputs=inputs),
            cache_memory=args.cache_memory,
        )
        model = methods.load("stage3", settings.method).train(task)
        save(args, task, model, file.classes)


if __name__ == "__main__":
    errors.run(main)
