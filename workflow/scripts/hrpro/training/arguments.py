"""The command line that the training scripts of all stages share, and what they write."""

import argparse
from collections.abc import Container

import torch

from .. import methods, model_file
from ..data.features import FeatureFile
from ..utils import files, options, process
from ..utils.errors import InputError
from .checkpoint import Checkpoint
from .task import Stage1Task, Stage2Task, Stage3Task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that all training scripts take."""
    parser.add_argument("--seed", type=options.seed, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=options.threads, default=1)
    parser.add_argument("--model", required=True, help="output")
    parser.add_argument("--record", help="output: what the model was trained on, as JSON")
    parser.add_argument("--events", required=True, help="output: folder of TensorBoard events")
    parser.add_argument("--state", help="checkpoint, from which a killed training resumes")
    parser.add_argument("--state-every", type=int, default=60, help="seconds between saves of it")
    parser.add_argument("--cache-memory", type=int, default=2000, help="MB of inputs that stay in memory")
    parser.add_argument(
        "--code", default="", help="digest of the code; a checkpoint of other code is refused"
    )
    parser.add_argument("--log", help="log file")


def add_test_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a training that is tested on the test split."""
    parser.add_argument("--test-features", nargs="?", help="the test split's features")
    parser.add_argument("--test-annotations", nargs="?", help="the test split's annotations")
    parser.add_argument(
        "--test", nargs="?", help="JSON of settings.{proposals,detection,evaluation} and exclude: the test"
    )


def require_all(path: str, videos: Container[str], features: FeatureFile) -> None:
    """Raise InputError where a file lacks one of the features' videos, as one of another data set does."""
    for video in features.videos:
        if video not in videos:
            raise InputError(f"{path}: no video {video!r}, which {features.path} has; give both of one split")


def require_labels(args: argparse.Namespace, stage: str, method: str) -> None:
    """Raise InputError unless there are points, or true segments that the method can learn from."""
    options.require_one(args, "points", "segments")
    if args.segments and not methods.learns_by_segments(stage, method):
        raise InputError(f"--segments: the method {method} learns from points; give --points")


def require_some(args: argparse.Namespace, labels: dict[str, list], features: FeatureFile) -> None:
    """Raise InputError where none of the features' videos has a point, or a true segment."""
    if not any(labels[video] for video in features.videos):
        what = f"{args.segments}: no segment" if args.segments else f"{args.points}: no point"
        raise InputError(f"{what} in any video, so there is nothing to learn from")


def make_checkpoint(
    args: argparse.Namespace, *, features: list[FeatureFile], inputs: list[str | None]
) -> Checkpoint:
    """The checkpoint of a training with these arguments; its key is of all that the training depends on.

    features: the feature files that it reads; inputs: its other files, None for one that it does without.
    """
    if not args.state:
        return Checkpoint(None, key="", every=args.state_every)
    digests = [file.digest() for file in features] + [files.sha256(path) for path in inputs if path]
    others = [str(getattr(args, name, None)) for name in ("test", "detection", "same_action")]
    key = " ".join([args.code, args.settings, str(args.seed), str(args.threads), *others, *digests])
    return Checkpoint(args.state, key=key, every=args.state_every)


def save(
    args: argparse.Namespace,
    task: Stage1Task | Stage2Task | Stage3Task,
    model: torch.nn.Module,
    classes: list[str],
) -> None:
    """Write a trained model and, if these arguments ask for it, what it was trained on."""
    with files.together():
        model_file.save(
            args.model,
            model,
            settings=task.settings,
            classes=classes,
            width=task.features.width,
            grid=task.features.grid,
        )
        if args.record:
            files.write_json(args.record, process.machine(task.device))
