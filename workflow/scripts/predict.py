"""Detections on new videos, from their features alone, by a trained model.

An output is of the format that its name says: .json (ActivityNet's results), .csv, .vtt (WebVTT, of a single
video), or a folder, which gets a .vtt a video.
"""

import argparse

from hrpro import predict
from hrpro.config import FeatureFiles
from hrpro.data import layouts
from hrpro.detection import export as exports
from hrpro.training import common as training
from hrpro.utils import errors, progress
from hrpro.utils.errors import InputError


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="results/<dataset>/model.pt")
    parser.add_argument("--features", required=True, help="a folder or file of features, in any layout")
    parser.add_argument("--output", required=True, nargs="+", help="name.json, name.csv, name.vtt or folder/")
    parser.add_argument("--least-score", type=float, default=0.1, help="in a .vtt; default %(default)s")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    videos = layouts.of_folder(args.features, FeatureFiles())
    for output in args.output:
        exports.format_of(output, videos)
    model = predict.load(args.model, args.device)
    training.start(0, args.threads, model.width)  # nothing is drawn
    chosen, found = FeatureFiles(width=model.width), {}
    try:
        sources, _ = layouts.oriented(videos, chosen)
    except InputError as error:
        raise InputError(f"{error} (the model takes {model.width} channels)") from None
    for video, source in progress.track(sources.items(), len(sources), "prediction"):
        array, _ = layouts.read(source, chosen)
        try:
            found[video] = predict.predict(model, array)
        except InputError as error:
            raise InputError(f"{source}: {error}") from None
    for output in args.output:
        exports.write(output, found, model.classes, args.least_score)


if __name__ == "__main__":
    errors.run(main)
