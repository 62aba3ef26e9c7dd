"""What a data set holds, and what in it may spoil a training: a page to read, and the same as JSON."""

import argparse

from hrpro import config
from hrpro.data import annotations, training_points
from hrpro.data.features import FeatureFile
from hrpro.report import facts, findings, pages, scan
from hrpro.utils import errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="the data set's name, for the page's title")
    both = {"required": True, "nargs": 2, "metavar": ("TRAIN", "TEST")}
    parser.add_argument("--annotations", **both)
    parser.add_argument("--points", required=True)
    parser.add_argument("--features", **both)
    parser.add_argument("--html", required=True, help="output: one page, without anything from outside")
    parser.add_argument("--json", required=True, help="output: facts and findings")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    databases = [annotations.read_database(path) for path in args.annotations]
    database = {video: entry for split in databases for video, entry in split.items()}
    points = training_points.read(args.points, with_times=False)
    with FeatureFile(args.features[0]) as train, FeatureFile(args.features[1]) as test:
        require_same_videos(args, databases, points.videos, (train, test))
        features, grid = scan.scan({"train": train, "test": test}), train.grid
    data_facts = facts.gather(
        args.name,
        database,
        points.videos,
        classes=points.classes,
        grid=grid,
        features=features,
        left_out=points.left_out,
    )
    results = findings.findings(data_facts)
    with files.together():
        files.write_text(args.html, pages.check(data_facts, results))
        files.write_json(args.json, {"findings": results, **data_facts}, indent=1)
    for line in summary(data_facts, results, args.html):
        print(line)
        progress.log.info("%s", line)


def require_same_videos(args, databases: list[dict], points: dict, files: tuple[FeatureFile, ...]) -> None:
    """Raise InputError where the files are not of one data set."""
    for annotated, path, features in zip(databases, args.annotations, files, strict=True):
        if video := min(annotated.keys() ^ set(features.videos), default=None):
            raise errors.InputError(
                f"{features.path}: {video} is not in both this file and {path}; "
                "remove both and make them again"
            )
    if video := min(points.keys() - set(files[0].videos), default=None):
        raise errors.InputError(
            f"{args.points}: {video} is not a training video of {files[0].path}; "
            "remove both and make them again"
        )


def summary(data_facts: dict, results: list[dict], path: str) -> list[str]:
    """The facts in a line, and one line per finding; the page says what to do about each."""
    train, test = (data_facts["splits"][split] for split in config.SPLITS)
    classes, channels = len(data_facts["classes"]), data_facts["features"]["channels"]
    lines = [
        f"{data_facts['dataset']}: {train['videos']} training videos ({train['hours']:.2f} h, "
        f"{train['points']} points), {test['videos']} of test ({test['hours']:.2f} h, "
        f"{test['instances']} instances), {classes} classes, {channels} channels"
    ]
    lines += [f"  {result['level']}: {result['what']} ({result['place']})" for result in results]
    if results:
        lines.append(f"findings: {len(results)}; what to do about each: {path}")
    else:
        lines.append(f"no findings: {path}")
    return lines


if __name__ == "__main__":
    errors.run(main)
