"""Detections on new videos, from their features alone, by a trained model.

An output is of the format that its name says: .json (ActivityNet's results), .csv, .vtt (WebVTT, of a single
video), or a folder, which gets a .vtt per video. --output is all detections, of which mAP wants thousands;
--events is a list to read: of each class one at a time, with a probability.
"""

import argparse

from . import predict
from .config import CUTS, CalibratedEvents, FeatureFiles, Prediction
from .data import layouts, orientation, readers
from .data import sources as digests
from .detection import export
from .events import calibration, listing
from .utils import errors, files, options, planned, process, progress
from .utils.errors import InputError


def main() -> None:
    """Read the command line, detect and write. Raises InputError for what the user can put right."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=options.path, required=True, help="results/<dataset>/model.pt")
    parser.add_argument(
        "--features", type=options.path, required=True, help="a folder or file of features, in any layout"
    )
    for outputs in ("output", "events"):
        parser.add_argument(
            f"--{outputs}", nargs="+", default=[], help="name.json, name.csv, name.vtt or folder/"
        )
    parser.add_argument("--cut", choices=CUTS, help="where events end; default: as the model was made")
    parser.add_argument("--at", type=float, help="the precision or recall that --cut asks for")
    parser.add_argument(
        "--least-score", type=options.unit, help="in all formats; default: 0.1 in a .vtt, all else"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=options.threads, default=1)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    if not args.output and not args.events:
        raise InputError("nothing to write; give --output FILE, --events FILE or both")
    model = predict.load(args.model, args.device)
    settings = model.settings
    listed = events_of(args, settings)
    videos = layouts.of_folder(args.features, FeatureFiles(), settings.layout, settings.names)
    for output in (*args.output, *args.events):
        export.format_of(output, videos)
    process.start(seed=0, threads=args.threads, width=model.width)  # nothing is drawn
    sources, _ = orientation.orient(
        videos,
        FeatureFiles(width=model.width),
        set(settings.orientations),
        remedy=f"the model takes {model.width} channels: extract it as for its training, with all streams",
    )
    detections, unlike = {}, []
    with planned.unchanged(digests.files_behind(videos), lambda: digests.FileDigests().of_features(videos)):
        for video, source in progress.track(sources.items(), len(sources), "prediction"):
            features, _ = readers.read(source)
            try:
                detections[video] = predict.predict(model, features)
            except InputError as error:
                raise InputError(f"{source}: {error}") from None
            if difference := predict.unlikeness(model, features, source.by_columns):
                unlike.append(f"{source}: {difference}")
    if unlike:
        progress.log.warning(
            "%d of %d videos have features unlike the training's (%s); extract them as for the training",
            len(unlike), len(sources), unlike[0],
        )  # fmt: skip
    with files.together():
        for output in args.output:
            export.write(output, detections, model.classes, args.least_score)
        if listed is not None:
            events = listing.of_detections(detections, listed)
            for output in args.events:
                export.write(output, events, model.classes, least_score=0.0, score="probability")


def events_of(args: argparse.Namespace, settings: Prediction) -> CalibratedEvents | None:
    """How events are listed by the options and the model's settings; None where none are asked for.

    Raises InputError where the model is not calibrated, and where it does not know the cut.
    """
    options = {name: getattr(args, name) for name in ("cut", "at") if getattr(args, name) is not None}
    if not args.events:
        if options:
            raise InputError(f"--{min(options)}: is of events; give --events FILE too")
        return None
    if settings.events is None:
        raise InputError(
            f"{args.model}: is not calibrated, as --events needs it; give results/<dataset>/calibrated.pt "
            "(`snakemake results/<dataset>/calibrated.pt` makes it)"
        )
    listed = settings.events.model_copy(update=options)
    if args.at is not None and (listed.cut == "f1" or not 0 < args.at <= 1):
        raise InputError(f"--at {args.at:g}: expected a number from 0 to 1, with --cut precision or recall")
    calibration.place_of(listed)
    return listed


def command() -> None:
    """The command `hrpro-predict`: `main`, with errors as every script reports them."""
    errors.run(main)
