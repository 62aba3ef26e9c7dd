"""The floor: a logistic regression on the labelled snippets, in place of stage 1."""

import itertools
from collections.abc import Callable

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..data.features import FeatureFile
from ..data.scores import Scores
from .settings import Settings

# The likelier of two is what it is: thresholds on B for seeds.
THRESHOLDS = {"background": 0.5, "action": 0.5}


def fit(
    file: FeatureFile, points: dict[str, list[dict]], classes: list[str], settings: Settings
) -> Callable[[np.ndarray], Scores]:
    """Train on each labelled snippet and, as background, the snippet midway between two of them.

    Returns features (T, D) of a video -> scores, with S (1 - B) the probability of a class, averaged
    over `settings.smoothing` snippets.
    """
    samples, labels = [], []
    for video in file.videos:
        features = file.read([video])[0]
        last = len(features) - 1
        at = [min(int(file.grid.index(point["seconds"])), last) for point in points[video]]
        midway = [(a + b) // 2 for a, b in itertools.pairwise(at) if b - a > 1]
        samples += [features[at], features[midway]]
        labels += [classes.index(point["label"]) for point in points[video]] + [len(classes)] * len(midway)
    if len(set(labels)) < 2:
        return lambda features: constant(len(features), labels[0], len(classes))
    regression = LogisticRegression(C=settings.regularization, max_iter=1000)
    model = make_pipeline(StandardScaler(), regression).fit(np.concatenate(samples), labels)

    def score(features: np.ndarray) -> Scores:
        probability = np.zeros((len(features), len(classes) + 1))
        probability[:, model.classes_] = model.predict_proba(features)
        return scores_of(smooth(probability, settings.smoothing))

    return score


def constant(length: int, label: int, classes: int) -> Scores:
    """The scores where all samples are of one class."""
    probability = np.zeros((length, classes + 1))
    probability[:, label] = 1
    return scores_of(probability)


def smooth(values: np.ndarray, span: int) -> np.ndarray:
    """Means over a window of `span` rows around each row, cut at the ends: (T, K) -> (T, K)."""
    total = np.pad(np.cumsum(values, axis=0), ((1, 0), (0, 0)))
    row = np.arange(len(values))
    first = np.maximum(row - span // 2, 0)
    last = np.minimum(row - span // 2 + span, len(values))
    return (total[last] - total[first]) / (last - first)[:, None]


def scores_of(probability: np.ndarray) -> Scores:
    """Probabilities of the classes and the background (T, C + 1) -> scores."""
    background = probability[:, -1]
    classes = probability[:, :-1] / np.maximum(1 - background, 1e-9)[:, None]
    return Scores(classes, background, probability[:, :-1].max(0))
