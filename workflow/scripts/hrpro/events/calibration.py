"""What scores of events are worth, and where their list ends (docs/method.md, section 14)."""

import numpy as np

from ..config import CalibratedEvents, Calibration, Events, parse
from ..detection.segments import LEAST_SCORE
from ..utils import files
from ..utils.errors import InputError


def read(path, settings: Events) -> CalibratedEvents:
    """The settings of the list of events with the calibration that calibrate_events.py has written.

    Raises InputError where it is another file.
    """
    content = files.read_json(path, *Calibration.model_fields)
    try:
        calibration = parse(Calibration, content, path)
    except InputError as error:
        raise InputError(f"{path}: not a file of hrpro's ({error}); make it again") from None
    return CalibratedEvents(**settings.model_dump(), calibration=calibration)


def features(scores: np.ndarray) -> np.ndarray:
    """What the log-odds are linear in."""
    return np.log(np.maximum(scores, LEAST_SCORE))


def sigmoid(odds: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-odds)), without overflow."""
    return np.exp(-np.logaddexp(0, -odds))


def probabilities(calibration: Calibration, scores: np.ndarray) -> np.ndarray:
    """How likely events of some scores are right: (N,)."""
    return sigmoid(calibration.slope * features(scores) + calibration.intercept)


def held_back(calibration: Calibration) -> dict[str, np.ndarray]:
    """F1, precision and recall of the held-back videos, of a list that ends at each of the scores."""
    events, right = np.array(calibration.events), np.array(calibration.right)
    return {
        "f1": 2 * right / (events + calibration.points),
        "precision": right / events,
        "recall": right / calibration.points,
    }


def place_of(settings: CalibratedEvents) -> int | None:
    """Which of the calibration's scores the list ends at; None, before any, where no event was right.

    With `cut: f1` that of the best F1, of equal ones the highest; with `precision` the lowest, with `recall`
    the highest at which it is `at` or more. Raises InputError where it never is.
    """
    if not settings.calibration.scores:
        return None
    figures = held_back(settings.calibration)[settings.cut]
    if settings.cut == "f1":
        return int(figures.argmax())
    reached = np.flatnonzero(figures >= settings.at)
    if not len(reached):
        raise InputError(
            f"a {settings.cut} of {settings.at:g}: on held-back videos it is at most {figures.max():.3g}; "
            "choose a lower `at`"
        )
    return int(reached[-1] if settings.cut == "precision" else reached[0])
