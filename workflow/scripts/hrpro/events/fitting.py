"""The calibration of events by held-back training videos (docs/method.md, section 14.2)."""

from collections.abc import Iterable

import numpy as np

from ..config import Calibration
from ..detection.segments import Segments, join
from ..evaluation import mean_ap
from .calibration import features, sigmoid
from .selection import one_at_a_time

ALONE = 0.75  # of mean_ap.agreement: over 0.5 an event is right that holds its point and no other
STEPS = 100  # of Newton's method, at most; a handful do
RIDGE = 1e-9  # keeps the slope finite where all scores are one


def calibrate(
    truth: dict[str, Segments], detections: Iterable[tuple[str, Segments]], classes: list[str]
) -> Calibration:
    """The calibration by detections on held-back videos, whose instances are points, without length."""
    events = ((video, one_at_a_time(of_video)) for video, of_video in detections)
    return fit(*rate(truth, events, classes), sum(map(len, truth.values())))


def rate(
    truth: dict[str, Segments], events: Iterable[tuple[str, Segments]], classes: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """The scores of all events (N,), and which are right by the points (N,) bool."""
    instances, ranked = (mean_ap.by_class(videos, len(classes)) for videos in (truth.items(), events))
    scores, right = [np.empty(0)], [np.empty(0, dtype=bool)]
    for points, of_class in zip(instances, ranked, strict=True):
        order, [matched] = mean_ap.match_class(points, of_class, truth, [ALONE])
        scores.append(join([segments for _, segments in of_class]).scores[order])
        right.append(matched >= 0)
    return np.concatenate(scores), np.concatenate(right)


def fit(scores: np.ndarray, right: np.ndarray, points: int) -> Calibration:
    """The calibration by events of held-back videos: their scores (N,), which are right (N,) bool.

    points: how many these videos have. Where no event is right, all are held equally improbable.
    """
    if not right.any():
        return Calibration(
            slope=0, intercept=-float(np.log(len(right) + 1)), points=points, scores=[], events=[], right=[]
        )
    order = np.argsort(-scores, kind="stable")
    scores, right = scores[order], right[order]
    slope, intercept = logistic(features(scores), smoothed(right))
    last = np.flatnonzero(np.append(np.diff(scores) < 0, True))  # of each score
    total = np.cumsum(right)[last]
    new = np.diff(total, prepend=0) > 0
    return Calibration(
        slope=slope,
        intercept=intercept,
        points=points,
        scores=scores[last][new].tolist(),
        events=(last[new] + 1).tolist(),
        right=total[new].tolist(),
    )


def smoothed(right: np.ndarray) -> np.ndarray:
    """Platt's targets in place of 1 and 0, so that few events are not taken for certainty: (N,)."""
    positive = int(right.sum())
    return np.where(right, (positive + 1) / (positive + 2), 1 / (len(right) - positive + 2))


def logistic(x: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """Slope, not below 0, and intercept of the log-odds over x (N,) with the least cross-entropy."""
    design = np.stack([x, np.ones_like(x)], axis=1)
    weights = np.array([0.0, np.log(targets.mean() / (1 - targets.mean()))])

    def loss(weights: np.ndarray) -> float:
        odds = design @ weights
        return float((np.logaddexp(0, odds) - targets * odds).sum() + RIDGE * weights[0] ** 2 / 2)

    for _ in range(STEPS):
        p = sigmoid(design @ weights)
        gradient = design.T @ (p - targets) + [RIDGE * weights[0], 0]
        hessian = design.T @ (design * (p * (1 - p))[:, None]) + np.diag([RIDGE, RIDGE])
        step = np.linalg.solve(hessian, gradient)
        while loss(weights - step) > loss(weights) and np.abs(step).max() > 1e-12:
            step /= 2
        weights = weights - step
        if np.abs(step).max() <= 1e-9:
            break
    if weights[0] < 0:
        weights = np.array([0.0, np.log(targets.mean() / (1 - targets.mean()))])
    return float(weights[0]), float(weights[1])
