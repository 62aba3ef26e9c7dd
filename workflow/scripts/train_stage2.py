"""Stage 2: train the instance network on ranked proposals; the model at the end is kept.

With the --test options it is tested on the test split now and then, and the best model is kept, as the
released program does (fault 3).
"""

import argparse
import contextlib
import importlib

from hrpro import config
from hrpro.data.features import FeatureFile
from hrpro.data.scores import ScoreFile
from hrpro.detection import results
from hrpro.instance import training as instance
from hrpro.training import common as training
from hrpro.utils import devices, errors, progress


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--features", required=True, help="of the training split")
    parser.add_argument("--scores", required=True, help="of the training split, of score_snippets.py")
    for name in ("positive", "reliable", "negative"):
        parser.add_argument(f"--{name}", required=True, help="of propose_training.py")
    parser.add_argument("--settings", required=True, help="JSON of settings.stage2")
    parser.add_argument("--vectors-memory", type=int, default=2000, help="MB of RoI vectors that are kept")
    training.add_arguments(parser)
    parser.add_argument("--test-scores", nargs="?", help="its scores, of score_snippets.py")
    parser.add_argument("--test-proposals", nargs="?", help="its proposals, of propose_test.py")
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Stage2, args.settings)
    with contextlib.ExitStack() as stack:
        features = stack.enter_context(FeatureFile(args.features))
        scores = stack.enter_context(ScoreFile(args.scores))
        classes = scores.classes
        test = None
        if args.test:
            # imported here alone: its code is part of the digest of a training that is tested, of no other
            protocol = importlib.import_module("hrpro.evaluation.protocol").of_arguments(args, classes)
            test = protocol.of_stage2(
                stack.enter_context(FeatureFile(args.test_features)),
                stack.enter_context(ScoreFile(args.test_scores)),
                results.read(args.test_proposals, classes),
            )
        rng = training.start(args.seed, args.threads, features.width)
        model = instance.train(
            features,
            scores,
            results.read(args.positive, classes),
            results.read(args.reliable, classes),
            results.read(args.negative, classes),
            settings,
            rng,
            devices.choose_device(args.device),
            args.events,
            test,
            training.resume_of(
                args,
                features.digest(),
                args.scores,
                args.positive,
                args.reliable,
                args.negative,
                args.test_annotations,
                args.test_proposals,
            ),
            args.vectors_memory,
        )
        training.save(args.model, model, settings, classes, features.width, features.grid)


if __name__ == "__main__":
    errors.run(main)
