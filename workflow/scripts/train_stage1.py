"""Stage 1: train the snippet network on features and points; the model at the end is kept."""

import argparse

from hrpro import config
from hrpro.data.features import FeatureFile
from hrpro.snippet import training as train
from hrpro.training import common as training
from hrpro.utils import devices, errors, files, progress


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", required=True)
    parser.add_argument("--points", required=True)
    parser.add_argument("--settings", required=True, help="JSON of settings.stage1")
    training.add_arguments(parser)
    return parser


def run(args, make_test=None) -> None:
    """Train and write the model; make_test: (open features, classes) -> a test during training."""
    progress.start(args.log)
    settings = config.from_json(config.Stage1, args.settings)
    points = files.read_json(args.points, "classes", "videos")
    with FeatureFile(args.features) as file:
        rng = training.start(args.seed, args.threads, file.width)
        model = train.train(
            file,
            points["videos"],
            points["classes"],
            settings,
            rng,
            devices.choose_device(args.device),
            args.events,
            make_test and make_test(file, points["classes"]),
            training.resume_of(args),
        )
        training.save(args.model, model, settings, points["classes"], file.width, file.grid)


if __name__ == "__main__":
    errors.run(lambda: run(arguments().parse_args()))
