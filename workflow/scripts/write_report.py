"""What experiments detect on a data set, and what is wrong with it: a page, and its figures as JSON."""

import argparse

from hrpro import config
from hrpro.data import annotations, training_points
from hrpro.report import contents, pages, panels, runs, summaries
from hrpro.utils import errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="the data set's name, for the page's title")
    parser.add_argument("--annotations", required=True, nargs=2, metavar=("TRAIN", "TEST"))
    parser.add_argument("--points", required=True)
    parser.add_argument("--settings", required=True, help="the experiments' files, as JSON (report/runs.py)")
    parser.add_argument(
        "--videos", nargs="?", const="", default="", help="the data set's folder of videos, if it has one"
    )
    parser.add_argument("--names", default="{}", help="what is no part of videos' names, as JSON")
    parser.add_argument("--html", required=True, help="output: one page, without anything from outside")
    parser.add_argument("--json", required=True, help="output: its figures")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(runs.Settings, args.settings)
    databases = [annotations.read_database(path) for path in args.annotations]
    annotations.require_truth(databases[1], args.annotations[1], pointed=[])
    points = training_points.read(args.points, with_times=False)
    if video := min(points.videos.keys() ^ databases[0].keys(), default=None):
        raise errors.InputError(
            f"{args.points}: {video} is not in both this file and {args.annotations[0]}; make both again"
        )
    classes = sorted({*points.classes, *(name for one in databases for name in annotations.class_names(one))})
    names = config.from_json(config.VideoNames, args.names, "--names")
    data = contents.Data(
        name=args.name,
        classes=classes,
        seeds=settings.seeds,
        train=contents.videos_of(databases[0], classes, points.videos),
        test=contents.videos_of(databases[1], classes, {}, leave_out=settings.exclude),
        films=contents.films(settings.videos or args.videos, names, args.html),
    )
    with runs.opened(settings.experiments, classes) as experiments:
        diagnoses = [summaries.diagnose(run, data) for run in experiments]
        figures = summaries.figures(data, experiments, diagnoses)
        shown = panels.all_of(data, experiments, figures)
    with files.together():
        files.write_text(args.html, pages.report(args.name, panels.subtitle(data, experiments), shown))
        files.write_json(args.json, figures, indent=1)
    progress.log.info("%s: %s", args.html, figures["sentence"])


if __name__ == "__main__":
    errors.run(main)
