"""The map.json files of the ablation's experiments -> its figures and its table.

A row's settings are measured alone, in the released program, and by their absence from the default.
The figure is mAP's mean over all thresholds, in %, of the models at the end of training.
"""

import argparse

from hrpro import config
from hrpro.evaluation import tables
from hrpro.utils import errors, files, progress


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

    default = tables.read(args.default, tables.over_all_thresholds)
    rows = {tables.BASES: {}}
    for path in args.experiments:
        result = tables.read(path, tables.over_all_thresholds)
        require_comparable(result, path, default, args.default)
        kind, _, row = result["experiment"].partition("_")
        if kind not in config.ABLATIONS:
            raise errors.InputError(
                f"{path}: experiment {result['experiment']!r} is not one of an ablation; "
                "expected alone_<row> or without_<row>"
            )
        rows.setdefault(row, {})[kind] = tables.over_all_thresholds(result)
    rows[tables.BASES]["without"] = tables.over_all_thresholds(default)
    files.write_json(
        args.output,
        {"dataset": default["dataset"], "seeds": default["seeds"], "tiou": default["tiou"], "rows": rows},
        indent=1,
    )
    files.write_text(args.markdown, tables.markdown(tables.of_ablation(rows, default["seeds"])) + "\n")


def require_comparable(result: dict, path: str, default: dict, default_path: str) -> None:
    """Raise InputError where two map.json files were not made alike."""
    for key in ("dataset", "seeds", "tiou"):
        if result[key] != default[key]:
            raise errors.InputError(
                f'{path}: "{key}" is {result[key]}, in {default_path} {default[key]}; '
                "the two are not comparable, make them alike"
            )


if __name__ == "__main__":
    errors.run(main)
