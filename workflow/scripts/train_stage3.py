"""Stage 3: train a detector on a segment per point, made of stage 2's candidates, or on true segments.

The last model is kept. The options from --scores to --same-action go with --points: they make the segments.
"""

import argparse
from pathlib import Path

from hrpro import config, inference, methods
from hrpro.data import training_points, training_segments
from hrpro.data.features import FeatureFile
from hrpro.data.scores import ScoreFile
from hrpro.detection import results
from hrpro.training.arguments import (
    add_arguments,
    make_checkpoint,
    require_all,
    require_labels,
    require_some,
    save,
)
from hrpro.training.task import Stage3Task
from hrpro.utils import devices, errors, options, process, progress

WITH_POINTS = ("scores", "positive", "stage2", "detection", "same_action")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--features", required=True, help="of the training split")
    parser.add_argument("--points", nargs="?", help="of convert_points.py")
    parser.add_argument("--segments", nargs="?", help="in place of points: of label_segments.py")
    parser.add_argument("--scores", nargs="?", help="of the training split, of score_snippets.py")
    parser.add_argument("--positive", nargs="?", help="of propose_training.py")
    parser.add_argument("--stage2", nargs="?", help="the model of train_stage2.py")
    parser.add_argument("--detection", help="JSON of settings.detection")
    parser.add_argument("--same-action", type=options.number(0, 1e12), help="settings.proposals.same_action")
    parser.add_argument("--settings", required=True, help="JSON of settings.stage3")
    add_arguments(parser)
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Stage3, args.settings)
    require_labels(args, "stage3", settings.method)
    require_with_points(args)
    device = devices.choose_device(args.device)
    with FeatureFile(args.features) as features:
        rng = process.start(seed=args.seed, threads=args.threads, width=features.width)
        read = of_segments if args.segments else of_points
        classes, labels = read(args, features, device)
        inputs = [args.points, args.segments, args.scores, args.positive, args.stage2]
        task = Stage3Task(
            features=features,
            classes=classes,
            settings=settings,
            rng=rng,
            device=device,
            events=Path(args.events),
            checkpoint=make_checkpoint(args, features=[features], inputs=inputs),
            cache_memory=args.cache_memory,
            **labels,
        )
        model = methods.load("stage3", settings.method).train(task)
        save(args, task, model, classes)


def require_with_points(args: argparse.Namespace) -> None:
    """Raise InputError where points lack what makes segments of them, or true segments have some of it."""
    names = [name for name in WITH_POINTS if (getattr(args, name) is None) == bool(args.points)]
    if names:
        listed = ", ".join(f"--{name.replace('_', '-')}" for name in names)
        raise errors.InputError(
            f"--points: needs {listed}, too" if args.points else f"{listed}: only with --points"
        )


def of_segments(args: argparse.Namespace, features: FeatureFile, _) -> tuple[list[str], dict]:
    """The classes and, by the fields of a Stage3Task, the true segments."""
    truth = training_segments.read(args.segments, features.videos)
    require_some(args, truth.videos, features)
    return truth.classes, {"segments": truth}


def of_points(args: argparse.Namespace, features: FeatureFile, device) -> tuple[list[str], dict]:
    """The classes and, by the fields of a Stage3Task, the points and stage 2's candidates."""
    detection = config.from_json(config.Detection, args.detection, "--detection")
    points = training_points.read(args.points, features.videos).videos
    require_some(args, points, features)
    with ScoreFile(args.scores) as scores:
        file, stage2 = inference.fitting(args.stage2, "stage2", device, features=features, scores=scores)
        positive = results.read(args.positive, file.classes)
        require_all(args.positive, positive, features)
        candidates = dict(stage2.detect_all(features, scores, positive.items(), detection))
    return file.classes, {"points": points, "same_action": args.same_action, "candidates": candidates}


if __name__ == "__main__":
    errors.run(main)
