"""Which stages count: all, unless held-back videos say that an earlier one is better than the last.

The detections are those of a copy of the data set, trained without these videos. They are scored with the
videos' points (docs/method.md, sections 6.3 and 7.3).
"""

import argparse

from hrpro.data import annotations, training_points
from hrpro.detection import gate, results
from hrpro.evaluation import held_back
from hrpro.utils import errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--annotations", required=True, help="of the held-back videos")
    parser.add_argument("--labels", required=True, help="labels.json, for the names of the classes")
    gate.add_stages(parser, "on the held-back videos")
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    classes = training_points.read(args.labels, with_times=False).classes
    truth, _, _ = annotations.test_truth(args.annotations, "test", [], classes, may_be_empty=True)
    stages = {
        stage: dict(results.read_scored(path, classes, truth, subset="test", exclude=[]))
        for stage, path in gate.stages_of(args).items()
    }
    mean = held_back.mean_aps(truth, stages, classes)
    deviations = held_back.errors_of_leads(truth, stages, mean, classes)
    counts = held_back.last_that_counts(mean, deviations)
    points = sum(map(len, truth.values()))
    progress.log.info(
        "%s: mAP of %d held-back videos with %d points: %s",
        "all stages count" if counts == list(stages)[-1] else f"no stage after {counts} counts",
        len(truth), points,
        ", ".join(f"{value:.1f} ({stage})" for stage, value in mean.items())
        + "".join(f"; {stage}'s lead has a standard error of {by:.1f}" for stage, by in deviations.items()),
    )  # fmt: skip
    result = {"counts": counts, "videos": len(truth), "points": points, "mAP": mean}
    files.write_json(args.output, result | {"errors_of_leads": deviations}, indent=1)


if __name__ == "__main__":
    errors.run(main)
