"""Stage 2: train a model on ranked proposals; the model at the end is kept.

With the --test options it is tested on the test split now and then, and the best model is kept, as the
released program does (fault 3).
"""

import argparse
import contextlib
import importlib
from pathlib import Path

from hrpro import config, methods
from hrpro.data import training_points
from hrpro.data.features import FeatureFile
from hrpro.data.scores import ScoreFile
from hrpro.detection import results
from hrpro.training.arguments import (
    add_arguments,
    add_test_arguments,
    make_checkpoint,
    require_all,
    save,
)
from hrpro.training.task import Stage2Task, labels_of
from hrpro.utils import devices, errors, process, progress


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--features", required=True, help="of the training split")
    parser.add_argument("--scores", required=True, help="of the training split, of score_snippets.py")
    parser.add_argument("--labels", required=True, help="of label_videos.py, or of label_segments.py")
    parser.add_argument("--positive", required=True, help="of propose_training.py")
    for name in ("reliable", "negative"):
        parser.add_argument(f"--{name}", nargs="?", help="of rank_proposals.py, for methods that need them")
    parser.add_argument("--settings", required=True, help="JSON of settings.stage2")
    add_arguments(parser)
    add_test_arguments(parser)
    parser.add_argument("--test-scores", nargs="?", help="the test split's scores, of score_snippets.py")
    parser.add_argument("--test-proposals", nargs="?", help="the test split's proposals, of propose_test.py")
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Stage2, args.settings)
    method = methods.load("stage2", settings.method)
    if not (args.reliable and args.negative) and not methods.learns_by_videos("stage2", settings.method):
        raise errors.InputError(f"--reliable, --negative: the method {settings.method} needs both; add them")
    with contextlib.ExitStack() as stack:
        features = stack.enter_context(FeatureFile(args.features))
        scores = stack.enter_context(ScoreFile(args.scores))
        classes = scores.classes
        feature_files, test = [features], None
        if args.test:
            # imported only here: its code is in the digest of trainings that are tested and of no other
            protocol = importlib.import_module("hrpro.evaluation.protocol").from_arguments(args, classes)
            feature_files.append(stack.enter_context(FeatureFile(args.test_features)))
            test = protocol.stage2_test(
                method,
                features=feature_files[-1],
                scores=stack.enter_context(ScoreFile(args.test_scores)),
                proposals=results.read(args.test_proposals, classes),
            )
        labels = labels_of(training_points.read(args.labels, with_times=False)._asdict())
        positive = results.read(args.positive, classes)
        reliable = results.read(args.reliable, classes) if args.reliable else {}
        negative = results.read(args.negative, classes) if args.negative else {}
        for path, videos in (
            (args.labels, labels),
            (args.positive, positive),
            (args.reliable, reliable),
            (args.negative, negative),
        ):
            if path:
                require_all(path, videos, features)
        inputs = [args.scores, args.labels, args.positive, args.reliable, args.negative]
        inputs += [args.test_scores, args.test_annotations, args.test_proposals]
        task = Stage2Task(
            features=features,
            scores=scores,
            labels=labels,
            positive=positive,
            reliable=reliable,
            negative=negative,
            settings=settings,
            rng=process.start(seed=args.seed, threads=args.threads, width=features.width),
            device=devices.choose_device(args.device),
            events=Path(args.events),
            checkpoint=make_checkpoint(args, features=feature_files, inputs=inputs),
            test=test,
            cache_memory=args.cache_memory,
        )
        model = method.train(task)
        save(args, task, model, classes)


if __name__ == "__main__":
    errors.run(main)
