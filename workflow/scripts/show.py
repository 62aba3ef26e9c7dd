"""The tables of map.json files, in Markdown for the terminal or as a page.

First mAP; then, where the training videos' true instances are known, the quality of the reliable
proposals: mean tIoU with the points' instances, share with tIoU >= 0.5, share of points without one; then, of
experiments with `events`, F1 and edit score of their lists.
"""

import argparse

from hrpro.evaluation import tables
from hrpro.report import pages
from hrpro.utils import errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("maps", nargs="+", metavar="map.json")
    parser.add_argument("--html", help="output: the tables as a page, in place of Markdown in the terminal")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    results = [tables.read(path, lambda result: tables.of_results([result])) for path in args.maps]
    frames = tables.of_results(results)
    if args.html is not None:
        files.write_text(args.html, pages.results(results, frames))
    else:
        print("\n\n".join(f"{tables.caption(frame)}\n\n{tables.markdown(frame)}" for frame in frames))


if __name__ == "__main__":
    errors.run(main)
