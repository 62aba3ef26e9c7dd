"""Ways to select and to calibrate events (docs/experiments.md): python bench/events.py RESULTS DATASET...

Of each data set the default experiment's detections in RESULTS/DATASET-held_points and RESULTS/DATASET are
read, seeds 0, 1, 2. Selections: the best F1 on the held-back videos by their points and, at that cut, F1 by
their true segments at tIoU 0.1, 0.25, 0.5. Calibrations: the expected calibration error on the test videos.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from hrpro.data import annotations, training_points
from hrpro.detection import results
from hrpro.detection.segments import Segments
from hrpro.diagnosis import calibration as reliability
from hrpro.diagnosis import matching
from hrpro.evaluation import segmental
from hrpro.events import calibration, fitting, selection

DETECTIONS = "stage1-default/proposals-default/stage2-default/detection-default/detections.json"
SEEDS = (0, 1, 2)
Select = Callable[[Segments], Segments]


def greedy(detections: Segments) -> Segments:
    """From the best on, what shares no time with one of its class before it."""
    kept = []
    for row in np.argsort(-detections.scores, kind="stable"):
        (start, end), label = detections.times[row], detections.labels[row]
        same = [other for other in kept if detections.labels[other] == label]
        if all(end <= detections.times[o, 0] or detections.times[o, 1] <= start for o in same):
            kept.append(int(row))
    return detections.take(np.array(kept, dtype=int))


def by_power(power: float) -> Select:
    """Those whose scores to the power have the largest sum, with their scores as they are."""

    def select(detections: Segments) -> Segments:
        positive = detections.take(detections.scores > 0)
        raised = Segments(positive.times, positive.labels, positive.scores**power)
        chosen = selection.one_at_a_time(raised)
        return Segments(chosen.times, chosen.labels, chosen.scores ** (1 / power))

    return select


SELECTIONS = {"greedy": greedy, "largest sum": by_power(1.0), "largest sum of squares": by_power(2.0)}
FEATURES = {
    "the score": None,
    "logistic, of the score": lambda scores: scores,
    "logistic, of its root": lambda scores: np.sqrt(np.maximum(scores, 0)),
    "logistic, of its logarithm": calibration.features,
}


def main(root: str, datasets: list[str]) -> None:
    """Print both tables, means over the seeds."""
    rows, errors = [], []
    for dataset in datasets:
        folder = Path(root) / dataset
        classes = training_points.read(folder / "train/labels.json", with_times=False).classes
        held_back = Path(f"{folder}-held_points")
        points, _, _ = annotations.test_truth(held_back / "test/annotations.json", "test", [], classes)
        database = annotations.read_database(folder / "train/annotations.json")
        true = {video: annotations.instances(database[video], classes) for video in points}
        test, _, _ = annotations.test_truth(folder / "test/annotations.json", "test", [], classes)
        for seed in SEEDS:
            calibrating, tested = (
                results.read(path / f"last/seed{seed}" / DETECTIONS, classes) for path in (held_back, folder)
            )
            for name, select in SELECTIONS.items():
                events = {video: select(one) for video, one in calibrating.items()}
                scores, right = rated(points, events, classes)
                rows.append(
                    {"data set": dataset, "selection": name} | best(points, true, events, scores, right)
                )
            scores, right = rated(
                points, {v: selection.one_at_a_time(one) for v, one in calibrating.items()}, classes
            )
            for name, features in FEATURES.items():
                error = calibration_errors(test, tested, scores, right, features, classes)
                errors.append({"data set": dataset, "calibration": name} | error)
    for table, by in ((rows, "selection"), (errors, "calibration")):
        means = pd.DataFrame(table).groupby(["data set", by], sort=False).mean()
        print(means.round(1).reset_index().to_markdown(index=False), end="\n\n")


def rated(points: dict, events: dict, classes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The scores of events of held-back videos, falling, and which are right by their points."""
    scores, right = fitting.rate(points, events.items(), classes)
    order = np.argsort(-scores, kind="stable")
    return scores[order], right[order]


def best(points: dict, true: dict, events: dict, scores: np.ndarray, right: np.ndarray) -> dict:
    """The best F1 by points in %, and F1 by segments at that cut."""
    total = sum(map(len, points.values()))
    f1 = 2 * np.cumsum(right) / (np.arange(1, len(right) + 1) + total)
    cut = {video: one.take(one.scores >= scores[f1.argmax()]) for video, one in events.items()}
    by_segments = {
        f"F1@{tiou:g}": segmental.count(true, cut, tiou, {}).figures["F1"] for tiou in segmental.THRESHOLDS
    }
    return {"F1 by points": 100 * f1.max()} | by_segments


def calibration_errors(test: dict, tested: dict, scores, right, features, classes: list[str]) -> dict:
    """The expected calibration error of test events in %, of a logistic regression of some features."""

    def probability(values: np.ndarray) -> np.ndarray:
        if features is None:
            return np.clip(values, 0, 1)
        slope, intercept = fitting.logistic(features(scores), fitting.smoothed(right))
        return calibration.sigmoid(slope * features(values) + intercept)

    events = []
    for video, of_video in tested.items():
        chosen = selection.one_at_a_time(of_video)
        events.append((video, Segments(chosen.times, chosen.labels, probability(chosen.scores))))
    matched = matching.match(test, events, classes, segmental.THRESHOLDS)
    errors = reliability.figures(matched)["error"]
    return {f"tIoU {t:g}": 100 * float(e) for t, e in zip(segmental.THRESHOLDS, errors, strict=True)}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
