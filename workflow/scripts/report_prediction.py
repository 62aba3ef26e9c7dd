"""The detections on new videos as a page to look at: on a time axis, with stage 1's scores and proposals."""

import argparse

from hrpro import config, predict  # first: from here on Ctrl-C ends it with one line

# isort: split
import numpy as np

from hrpro.data import layouts, orientation, readers
from hrpro.data import sources as digests
from hrpro.detection import results
from hrpro.proposals.generation import propose_test
from hrpro.report import contents, pages, panels
from hrpro.utils import errors, files, options, planned, process, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="of the videos, for the page's title")
    parser.add_argument("--model", required=True, help="results/<dataset>/model.pt, which has detected")
    parser.add_argument(
        "--features", required=True, help="a folder or file of features, as predict.py has read"
    )
    parser.add_argument("--detections", required=True, help="detections.json of predict.py")
    parser.add_argument(
        "--videos", nargs="?", const="", default="", help="a folder of videos to play; default: none"
    )
    parser.add_argument("--html", required=True, help="output: one page, without anything from outside")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=options.threads, default=1)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    model = predict.load(args.model, args.device)
    names = model.settings.names
    found = layouts.of_folder(args.features, config.FeatureFiles(), model.settings.layout, names)
    process.start(seed=0, threads=args.threads, width=model.width)  # nothing is drawn
    sources, _ = orientation.orient(
        found, config.FeatureFiles(width=model.width), set(model.settings.orientations)
    )
    videos, scores, proposals = [], {}, {}
    with planned.unchanged(digests.files_behind(found), lambda: digests.FileDigests().of_features(found)):
        for video, source in progress.track(sources.items(), len(sources), "scores"):
            features, _ = readers.read(source)
            _, scores[video] = predict.score(model, features)
            [proposals[video]] = propose_test([scores[video]], model.grid, model.settings.proposals)
            duration = model.grid.duration(len(features))
            videos.append(contents.Video(video, duration, None, [], np.empty((0, 2))))
    data = contents.Data(
        name=args.name,
        classes=model.classes,
        seeds=[],
        train=[],
        test=videos,
        films=contents.films(args.videos, names, args.html),
    )
    panel = panels.new_videos(
        data, results.read(args.detections, model.classes), proposals, scores=scores, grid=model.grid
    )
    words = f"{len(videos)} videos, {len(model.classes)} classes; detections by {args.model}"
    files.write_text(args.html, pages.report(args.name, words, [panel]))


if __name__ == "__main__":
    errors.run(main)
