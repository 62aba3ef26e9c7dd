"""A page to label videos on: a click or a key per action, into the points.csv that the pipeline trains on.

Open the address that it prints in a browser of this machine; Ctrl-C ends it. Every point is on the disk
before the page shows it as saved. docs/labelling.md says more.
"""

import argparse
import contextlib
import signal
from collections.abc import Iterable
from pathlib import Path

from ..data import annotations
from ..utils import errors, options, progress
from ..utils.errors import InputError
from . import recordings
from .marks import Refused, class_of
from .store import Store


def main() -> None:
    """Read the command line and serve. Raises InputError for what the user can put right."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--videos", type=options.path, required=True, help="the folder of the videos")
    parser.add_argument("--points", required=True, help="points.csv, made if it is not there")
    parser.add_argument("--classes", default="", help="a,b,c: besides those in points.csv")
    parser.add_argument(
        "--rate",
        type=float,
        help="the folder holds no videos but tables (.csv) or features, with so many rows per second",
    )
    parser.add_argument(
        "--model", help="results/<dataset>/model.pt: shows what it detects, to accept or reject"
    )
    parser.add_argument(
        "--features",
        help="for --model: a folder or file of the videos' features; with --rate their own values",
    )
    parser.add_argument(
        "--leave-out", help="an annotations.json whose videos are not listed: those of the test videos"
    )
    parser.add_argument("--port", type=int, default=0, help="of 127.0.0.1; default: a free one")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    if args.rate is not None and not 0 < args.rate < float("inf"):
        raise InputError(f"--rate {args.rate:g}: expected rows per second, over 0")
    if not 0 <= args.port < 2**16:
        raise InputError(f"--port {args.port}: expected a number up to {2**16 - 1}")
    classes = named("--classes", filter(str.strip, args.classes.split(",")))
    if args.features and not args.model:
        raise InputError("--features: is for the model of --model; name it too")
    try:
        from .server import Site
    except ModuleNotFoundError as error:
        install = "pip install -r requirements-label.lock -r requirements-video.lock"
        raise InputError(f"hrpro-label needs {error.name}; install it: {install}") from None
    every = recordings.find(args.videos, args.rate, Path(args.points).resolve())  # before anything is made
    if args.leave_out:
        every = left_of(every, args.videos, args.leave_out)
    predictions = None
    if args.model:
        from .. import predict
        from .predictions import Predictions, features_of

        model = predict.load(args.model)
        features = features_of(model, every, args.videos, features=args.features, rate=args.rate)
        predictions = Predictions(model, features)
        classes += named(args.model, model.classes)
    store = Store(args.points, classes)
    site = Site(args.videos, every, store, rate=args.rate, port=args.port, predictions=predictions)
    signal.signal(signal.SIGTERM, lambda *_: site.stop())
    print(f"{len(every)} to label into {args.points}; open {site.url}\nCtrl-C ends it", flush=True)
    with contextlib.suppress(KeyboardInterrupt):  # werkzeug's server takes most of them itself
        site.run()
    print("ended; all points are saved", flush=True)


def left_of(every: list[recordings.Recording], videos, path) -> list[recordings.Recording]:
    """The recordings of the folder `videos` that an annotation file does not name. Raises InputError."""
    annotated = annotations.read_entries(path)
    left = [recording for recording in every if recording.video not in annotated]
    if not left:
        raise InputError(f"--leave-out {path}: names every video of {videos}; name the test videos' file")
    return left


def named(place: str, labels: Iterable[str]) -> list[str]:
    """The classes of these names. Raises InputError if one cannot be a class here."""
    try:
        return [class_of(label) for label in labels]
    except Refused as refusal:
        raise InputError(f"{place}: {refusal}; name it otherwise") from None


def command() -> None:
    """The command `hrpro-label`: `main`, with errors as every script reports them."""
    errors.run(main)
