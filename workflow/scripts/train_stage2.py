"""Stage 2: train the instance network on ranked proposals; the model at the end is kept."""

import argparse

from hrpro import config
from hrpro.data.features import FeatureFile
from hrpro.data.scores import ScoreFile
from hrpro.detection import results
from hrpro.instance import training as train
from hrpro.training import common as training
from hrpro.utils import devices, errors, progress


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", required=True)
    parser.add_argument("--scores", required=True, help="of score_snippets.py")
    for name in ("positive", "reliable", "negative"):
        parser.add_argument(f"--{name}", required=True, help="of propose.py")
    parser.add_argument("--settings", required=True, help="JSON of settings.stage2")
    parser.add_argument("--vectors-memory", type=int, default=2000, help="MB of RoI vectors that are kept")
    training.add_arguments(parser)
    return parser


def run(args, make_test=None) -> None:
    """Train and write the model; make_test: (open features, open scores) -> a test during training."""
    progress.start(args.log)
    settings = config.from_json(config.Stage2, args.settings)
    with FeatureFile(args.features) as file, ScoreFile(args.scores) as scores:
        classes = scores.classes
        rng = training.start(args.seed, args.threads, file.width)
        model = train.train(
            file,
            scores,
            results.read(args.positive, classes),
            results.read(args.reliable, classes),
            results.read(args.negative, classes),
            settings,
            rng,
            devices.choose_device(args.device),
            args.events,
            make_test and make_test(file, scores),
            training.resume_of(args),
            args.vectors_memory,
        )
        training.save(args.model, model, settings, classes, file.width, file.grid)


if __name__ == "__main__":
    errors.run(lambda: run(arguments().parse_args()))
