"""How good lists of events are, against true segments."""

import numpy as np
import pandas as pd

from ..config import CalibratedEvents
from ..detection.segments import Segments, join
from ..diagnosis import calibration as reliability
from ..diagnosis import matching
from ..diagnosis.summaries import plain
from ..evaluation import aggregation, segmental
from . import calibration, listing


def measure(
    truth: dict[str, Segments],
    detections: dict[str, Segments],
    settings: CalibratedEvents,
    *,
    classes: list[str],
    ambiguous: dict[str, np.ndarray],
) -> dict:
    """The figures of the events of one seed's detections, in % but for their number.

    truth: the instances of the videos to score; ambiguous: {video: (K, 2) seconds}, which count neither way.
    "probability": the mean of the list. "F1", "precision", "recall" and "calibration_error" at each tIoU of
    segmental.THRESHOLDS; "edit".
    """
    events = listing.of_detections(detections, settings)
    probabilities = join(list(events.values())).scores
    counts = {f"{tiou:g}": segmental.count(truth, events, tiou, ambiguous) for tiou in segmental.THRESHOLDS}
    figures = {
        name: {tiou: one.figures[name] for tiou, one in counts.items()}
        for name in ("F1", "precision", "recall")
    }
    errors = diagnose(truth, detections, settings, classes=classes, ambiguous=ambiguous)["error"]
    return {
        "events": len(probabilities),
        "probability": 100 * float(probabilities.mean()) if len(probabilities) else None,
        **figures,
        "edit": segmental.edit_score(truth, events, ambiguous),
        "calibration_error": {
            tiou: None if error is None else 100 * error for tiou, error in zip(counts, errors, strict=True)
        },
    }


def diagnose(
    truth: dict[str, Segments],
    detections: dict[str, Segments],
    settings: CalibratedEvents,
    *,
    classes: list[str],
    ambiguous: dict[str, np.ndarray],
) -> dict:
    """What probabilities are worth before the cut: diagnosis.calibration.figures at the thresholds "tiou"."""
    events = [(video, listing.events(of_video, settings)) for video, of_video in detections.items()]
    matched = matching.match(truth, events, classes, segmental.THRESHOLDS, ambiguous=ambiguous)
    return plain({"tiou": matched.tiou} | reliability.figures(matched))


def over_seeds(runs: list[dict]) -> dict:
    """The means over the seeds of what `measure` says of each, None where unknown, and "std"."""
    table = pd.json_normalize(runs, sep="/").astype(float)
    return nested(table.mean()) | {"std": nested(aggregation.deviation(table))}


def nested(row: pd.Series) -> dict:
    """A row whose columns are called key or key/threshold, as a dictionary of dictionaries."""
    values = {}
    for column, value in row.astype(object).where(row.notna(), None).items():
        key, _, threshold = column.partition("/")
        if threshold:
            values.setdefault(key, {})[threshold] = value
        else:
            values[key] = value
    return values


def held_back(settings: CalibratedEvents) -> dict:
    """What held-back videos say of the list: "points", "events", and "F1", "precision", "recall" in %."""
    place, fitted = calibration.place_of(settings), settings.calibration
    if place is None:
        return {"points": fitted.points, "events": 0, "F1": 0.0, "precision": 0.0, "recall": 0.0}
    figures = calibration.held_back(fitted)
    return {
        "points": fitted.points,
        "events": fitted.events[place],
        "F1": 100 * float(figures["f1"][place]),
        "precision": 100 * float(figures["precision"][place]),
        "recall": 100 * float(figures["recall"][place]),
    }
