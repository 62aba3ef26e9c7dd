"""Proposals of the test videos."""

import argparse

from hrpro import config
from hrpro.data.scores import ScoreFile
from hrpro.detection import results
from hrpro.proposals import generation
from hrpro.utils import errors, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", required=True, help="of the test split, of score_snippets.py")
    parser.add_argument("--settings", required=True, help="JSON of settings.proposals")
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Proposals, args.settings)
    with ScoreFile(args.scores) as file:
        scores = (file.read(video) for video in progress.track(file.videos, len(file.videos), "proposals"))
        proposals = generation.propose_test(scores, file.grid, settings)
        results.write(args.output, zip(file.videos, proposals, strict=True), file.classes)


if __name__ == "__main__":
    errors.run(main)
