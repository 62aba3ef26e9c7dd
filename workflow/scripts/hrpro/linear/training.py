"""Fitting the logistic regression. The one module that imports scikit-learn."""

import itertools

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from ..training.task import Stage1Task
from .model import LinearModel


def train(task: Stage1Task) -> LinearModel:
    """Fit the regression. It draws nothing, has no checkpoint, no events and no tests."""
    samples, labels = labelled_samples(task)
    width = task.features.width
    if len(set(labels)) == 1:
        weights = {
            "mean": np.zeros(width),
            "deviation": np.ones(width),
            "coefficients": np.zeros((0, width)),
            "intercepts": np.zeros(0),
            "labels": np.array(labels[:1]),
        }
    else:
        with threadpool_limits(1):  # on so few samples more are slower, and would change the last bits
            scaler = StandardScaler().fit(samples)
            regression = LogisticRegression(C=task.settings.regularization, max_iter=1000)
            regression.fit(scaler.transform(samples), labels)
        weights = {
            "mean": scaler.mean_,
            "deviation": scaler.scale_,
            "coefficients": regression.coef_,
            "intercepts": regression.intercept_,
            "labels": regression.classes_,
        }
    tensors = {name: torch.from_numpy(value) for name, value in weights.items()}
    return LinearModel(len(task.classes), tensors, task.settings).eval()


def labelled_samples(task: Stage1Task) -> tuple[np.ndarray, list[int]]:
    """Each labelled snippet and, as background, the snippet midway between two of them.

    -> features (N, D) and their classes (N,), C for background.
    """
    samples, labels = [], []
    for video in task.features.videos:
        features = task.features.read([video])[0]
        points = task.points[video]
        last = len(features) - 1
        positions = [min(int(task.features.grid.index(point["seconds"])), last) for point in points]
        midway = [(a + b) // 2 for a, b in itertools.pairwise(positions) if b - a > 1]
        samples += [features[positions], features[midway]]
        labels += [task.classes.index(point["label"]) for point in points]
        labels += [len(task.classes)] * len(midway)
    return np.concatenate(samples), labels
