"""The map.json files of the ablation's experiments -> its figures and its table.

A row's settings are measured alone, in the released program, and by their absence from the default.
The figure is mAP's mean over all thresholds, in %, of the models at the end of training.
"""

import argparse

from hrpro import config
from hrpro.utils import errors, files, progress
from show import markdown, with_deviation

STAGES = ("stage1", "stage2")
BASES = "none"  # the row of no change: alone the released program, without the default


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--default", required=True, help="map.json of the default experiment")
    parser.add_argument(
        "--experiments", nargs="+", required=True, help="map.json of alone_none, alone_<row>, without_<row>"
    )
    parser.add_argument("--output", required=True, help="a JSON file")
    parser.add_argument("--markdown", required=True, help="the table")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    default = read(args.default)
    rows = {BASES: {}}
    for path in args.experiments:
        result = read(path)
        for key in ("dataset", "seeds", "tiou"):
            if result[key] != default[key]:
                raise errors.InputError(
                    f'{path}: "{key}" is {result[key]}, in {args.default} {default[key]}; '
                    "the two are not comparable, make them alike"
                )
        kind, _, row = result["experiment"].partition("_")
        if kind not in config.ABLATIONS:
            raise errors.InputError(
                f"{path}: experiment {result['experiment']!r} is none of an ablation; "
                "wanted alone_<row> or without_<row>"
            )
        rows.setdefault(row, {})[kind] = figures(result)
    rows[BASES]["without"] = figures(default)
    files.write_json(
        args.output,
        {"dataset": default["dataset"], "seeds": default["seeds"], "tiou": default["tiou"], "rows": rows},
        indent=1,
    )
    files.write_text(args.markdown, table(rows, default["seeds"]) + "\n")


def read(path) -> dict:
    """A map.json."""
    return files.read_json(path, "dataset", "experiment", "tiou", "seeds", "stages")


def figures(result: dict) -> dict:
    """{stage: {"mean", "std"}} over seeds of mAP's mean over all thresholds, which is its first, in %."""
    found = {}
    for stage, picks in result["stages"].items():
        over_all = next(iter(picks["last"]["average"]))
        found[stage] = {key: picks["last"][of][over_all] for key, of in (("mean", "average"), ("std", "std"))}
    return found


def table(rows: dict, seeds: list[int]) -> str:
    """The ablation in Markdown, the two bases first."""
    header = ["row", "alone: stage 1", "stage 2", "without: stage 1", "stage 2"]
    lines = []
    for row, kinds in rows.items():
        cells = [kinds.get(kind, {}).get(stage) for kind in config.ABLATIONS for stage in STAGES]
        cells = [with_deviation(cell["mean"], cell["std"], seeds) if cell else "" for cell in cells]
        lines.append(["released alone / default, all together" if row == BASES else row, *cells])
    return markdown(header, lines)


if __name__ == "__main__":
    errors.run(main)
