"""The tables of map.json files, for the terminal and for Markdown alike."""

import argparse

from hrpro import errors, files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("maps", nargs="+", metavar="map.json")
    args = parser.parse_args()
    rows = [row for path in args.maps for row in table(files.read_json(path, "stages"))]
    header = rows[0]
    rows = [header, ["---"] * len(header), *(row for row in rows if row != header)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        fill = "-" if row[0] == "---" else " "
        print(
            "| " + " | ".join(cell.ljust(width, fill) for cell, width in zip(row, widths, strict=True)) + " |"
        )


def table(result: dict) -> list[list[str]]:
    """A map.json as rows of text: mAP in %, its averages with their deviation over seeds."""
    first = next(iter(next(iter(result["stages"].values())).values()))
    header = ["data set", "experiment", "stage", "model"]
    header += [f"{threshold:g}" for threshold in result["tiou"]] + list(first["average"])
    rows = [header]
    for stage, picks in result["stages"].items():
        for pick, figures in picks.items():
            cells = [f"{value:.1f}" for value in figures["mAP"]]
            for name, value in figures["average"].items():
                spread = f" ± {figures['std'][name]:.1f}" if len(result["seeds"]) > 1 else ""
                cells.append(f"{value:.1f}{spread}")
            rows.append([result["dataset"], result["experiment"], stage, pick, *cells])
    return rows


if __name__ == "__main__":
    errors.run(main)
