"""The tables of map.json files, for the terminal and for Markdown alike.

First mAP; then, where the training videos' true instances are known, the quality of the reliable
proposals: mean tIoU with the points' instances, share with tIoU >= 0.5, share of points without one.
"""

import argparse
from collections.abc import Sequence

from hrpro.utils import errors, files

COLUMNS = ["data set", "experiment", "stage", "model"]
QUALITY = {"tIoU": "tiou", "over 0.5": "over_0.5", "without": "without"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("maps", nargs="+", metavar="map.json")
    args = parser.parse_args()
    results = [files.read_json(path, "stages") for path in args.maps]
    tables = {}  # by header: data sets may have other thresholds
    for result in results:
        header, *rows = table(result)
        tables.setdefault(tuple(header), []).extend(rows)
    rows = [row for result in results for row in quality(result)]
    if rows:
        tables[*COLUMNS, *QUALITY] = rows
    print("\n\n".join(markdown(header, rows) for header, rows in tables.items()))


def markdown(header: Sequence[str], rows: list[list[str]]) -> str:
    """A table in Markdown, its columns aligned."""
    rows = [list(header), ["---"] * len(header), *rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        fill = "-" if row[0] == "---" else " "
        cells = [cell.ljust(width, fill) for cell, width in zip(row, widths, strict=True)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def table(result: dict) -> list[list[str]]:
    """A map.json as rows of text: mAP in %, its averages with their deviation over seeds."""
    first = next(iter(next(iter(result["stages"].values())).values()))
    header = COLUMNS + [f"{threshold:g}" for threshold in result["tiou"]] + list(first["average"])
    rows = [header]
    for stage, picks in result["stages"].items():
        for pick, figures in picks.items():
            cells = [f"{value:.1f}" for value in figures["mAP"]]
            for name, value in figures["average"].items():
                cells.append(with_deviation(value, figures["std"][name], result["seeds"]))
            rows.append([result["dataset"], result["experiment"], stage, pick, *cells])
    return rows


def quality(result: dict) -> list[list[str]]:
    """The reliable proposals of a map.json as rows of text, all in %, with deviations over seeds."""
    rows = []
    for stage, picks in result["stages"].items():
        for pick, figures in picks.items():
            reliable = figures.get("reliable")
            if reliable and reliable["tiou"] is not None:
                cells = [
                    with_deviation(reliable[key], reliable["std"][key], result["seeds"])
                    for key in QUALITY.values()
                ]
                rows.append([result["dataset"], result["experiment"], stage, pick, *cells])
    return rows


def with_deviation(mean: float, deviation: float, seeds: list[int]) -> str:
    """A mean over seeds and, of more than one, its deviation: 12.3 ± 0.4."""
    return f"{mean:.1f} ± {deviation:.1f}" if len(seeds) > 1 else f"{mean:.1f}"


if __name__ == "__main__":
    errors.run(main)
