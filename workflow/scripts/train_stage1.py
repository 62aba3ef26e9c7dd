"""Stage 1: train the snippet network on features and points; the model at the end is kept.

With the three --test options it is tested on the test split now and then, and the best model is kept, as the
released program does (fault 3).
"""

import argparse
import contextlib
import importlib

from hrpro import config
from hrpro.data.features import FeatureFile
from hrpro.snippet import training as snippet
from hrpro.training import common as training
from hrpro.utils import devices, errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--features", required=True, help="of the training split")
    parser.add_argument("--points", required=True)
    parser.add_argument("--settings", required=True, help="JSON of settings.stage1")
    training.add_arguments(parser)
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Stage1, args.settings)
    points = files.read_json(args.points, "classes", "videos")
    classes = points["classes"]
    with contextlib.ExitStack() as stack:
        features = stack.enter_context(FeatureFile(args.features))
        test = None
        if args.test:
            # imported here alone: its code is part of the digest of a training that is tested, of no other
            protocol = importlib.import_module("hrpro.evaluation.protocol").of_arguments(args, classes)
            test = protocol.of_stage1(stack.enter_context(FeatureFile(args.test_features)))
        rng = training.start(args.seed, args.threads, features.width)
        model = snippet.train(
            features,
            points["videos"],
            classes,
            settings,
            rng,
            devices.choose_device(args.device),
            args.events,
            test,
            training.resume_of(args, features.digest(), args.points, args.test_annotations),
        )
        training.save(args.model, model, settings, classes, features.width, features.grid)


if __name__ == "__main__":
    errors.run(main)
