"""The map.json files of the ablation's experiments -> its figures and its table.

A row's settings are measured alone, in the released program, and by their absence from the corrected one.
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
    parser.add_argument("--corrected", required=True, help="map.json of an experiment, such as default")
    parser.add_argument(
        "--experiments",
        nargs="+",
        required=True,
        help="map.json of its alone_none, alone_<row>, without_<row>",
    )
    parser.add_argument("--output", required=True, help="a JSON file")
    parser.add_argument("--markdown", required=True, help="the table")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    corrected = tables.read(args.corrected, tables.over_all_thresholds)
    of = "" if corrected["experiment"] == "default" else f"{corrected['experiment']}_"
    rows = {tables.BASES: {}}
    for path in args.experiments:
        result = tables.read(path, tables.over_all_thresholds)
        require_comparable(result, path, corrected, args.corrected)
        kind, _, row = result["experiment"].partition("_")
        if kind not in config.ABLATIONS or not row.startswith(of):
            raise errors.InputError(
                f"{path}: experiment {result['experiment']!r} is not one of the ablation of "
                f"{corrected['experiment']}; expected alone_{of}<row> or without_{of}<row>"
            )
        rows.setdefault(row.removeprefix(of), {})[kind] = tables.over_all_thresholds(result)
    rows[tables.BASES]["without"] = tables.over_all_thresholds(corrected)
    head = {key: corrected[key] for key in ("dataset", "experiment", "seeds", "tiou")}
    table = tables.of_ablation(rows, corrected["seeds"], corrected["experiment"])
    with files.together():
        files.write_json(args.output, head | {"rows": rows}, indent=1)
        files.write_text(args.markdown, tables.markdown(table) + "\n")


def require_comparable(result: dict, path: str, corrected: dict, corrected_path: str) -> None:
    """Raise InputError where two map.json files were not made alike."""
    for key in ("dataset", "seeds", "tiou"):
        if result[key] != corrected[key]:
            raise errors.InputError(
                f'{path}: "{key}" is {result[key]}, in {corrected_path} {corrected[key]}; '
                "the two are not comparable, make them alike"
            )


if __name__ == "__main__":
    errors.run(main)
