"""Stage 1: train a model on features and points, or true segments; the model at the end is kept.

With the three --test options it is tested on the test split now and then, and the best model is kept, as the
released program does (fault 3).
"""

import argparse
import contextlib
import importlib
from pathlib import Path

from hrpro import config, methods
from hrpro.data import training_points, training_segments
from hrpro.data.features import FeatureFile
from hrpro.training.arguments import (
    add_arguments,
    add_test_arguments,
    make_checkpoint,
    require_labels,
    require_some,
    save,
)
from hrpro.training.task import Stage1Task
from hrpro.utils import devices, errors, process, progress


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--features", required=True, help="of the training split")
    parser.add_argument("--points", nargs="?", help="or, of methods that need no times, of label_videos.py")
    parser.add_argument("--segments", nargs="?", help="in place of points: of label_segments.py")
    parser.add_argument("--settings", required=True, help="JSON of settings.stage1")
    add_arguments(parser)
    add_test_arguments(parser)
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Stage1, args.settings)
    method = methods.load("stage1", settings.method)
    require_labels(args, "stage1", settings.method)
    with contextlib.ExitStack() as stack:
        features = stack.enter_context(FeatureFile(args.features))
        segments = None
        if args.segments:
            points = segments = training_segments.read(args.segments, features.videos)
        else:
            with_times = not methods.learns_by_videos("stage1", settings.method)
            points = training_points.read(args.points, features.videos, with_times=with_times)
        require_some(args, points.videos, features)
        classes = points.classes
        feature_files, test = [features], None
        if args.test:
            # imported only here: its code is in the digest of trainings that are tested and of no other
            protocol = importlib.import_module("hrpro.evaluation.protocol").from_arguments(args, classes)
            feature_files.append(stack.enter_context(FeatureFile(args.test_features)))
            test = protocol.stage1_test(method, feature_files[-1])
        task = Stage1Task(
            features=features,
            points=points.videos,
            classes=classes,
            settings=settings,
            rng=process.start(seed=args.seed, threads=args.threads, width=features.width),
            device=devices.choose_device(args.device),
            events=Path(args.events),
            checkpoint=make_checkpoint(
                args, features=feature_files, inputs=[args.points, args.segments, args.test_annotations]
            ),
            test=test,
            cache_memory=args.cache_memory,
            segments=segments,
        )
        model = method.train(task)
        save(args, task, model, classes)


if __name__ == "__main__":
    errors.run(main)
