"""The options of a script that compares a detections file with an annotations file."""

import argparse

from .. import config
from ..utils import options
from ..utils.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is compared, and at which tIoU thresholds."""
    parser.add_argument("--annotations", required=True, help='{"database": {video: ...}}')
    parser.add_argument("--detections", required=True, help='{"results": {video: [...]}}')
    parser.add_argument("--subset", required=True, help="whose videos are scored; in any case")
    parser.add_argument("--exclude", type=options.names, default="", help='videos left out: a,b or "a, 1",b')
    parser.add_argument("--tiou", default="0.1,0.2,0.3,0.4,0.5,0.6,0.7", help="thresholds")
    parser.add_argument(
        "--ignore-ambiguous",
        action="store_true",
        help='unmatched detections on a video\'s "ambiguous" segments count neither way',
    )


def settings_of(args: argparse.Namespace) -> config.Evaluation:
    """The settings that the options stand for. Raises InputError where they are none."""
    try:
        tiou = [float(threshold) for threshold in args.tiou.split(",")]
    except ValueError:
        raise InputError(f"--tiou {args.tiou}: expected numbers, 0.1,0.2") from None
    return config.parse(
        config.Evaluation, {"tiou": tiou, "ignore_ambiguous": args.ignore_ambiguous}, "evaluation"
    )
