"""A small trained model for the labelling page's tests, and features of which it detects what is said."""

from pathlib import Path

import numpy as np
import torch

from feature_files import write_features
from hrpro import config, model_file, predict
from hrpro.data.features import FeatureFile
from hrpro.grid import Grid
from hrpro.linear import method
from hrpro.linear.settings import Settings
from hrpro.training.checkpoint import Checkpoint
from hrpro.training.task import Stage1Task

CLASSES = ["pour", "stir"]
GRID = Grid(5, 25)  # snippets of 0.2 s


def features(length: int, *actions: tuple[int, int, str], strength: float = 1.0) -> np.ndarray:
    """Features (length, 3) of a video with actions: first snippet, the one after the last, class."""
    values = np.random.default_rng(0).normal(scale=0.05, size=(length, 3))
    for start, end, label in actions:
        values[start:end, CLASSES.index(label)] += strength
        values[(start + end) // 2, CLASSES.index(label)] += 0.3 * strength  # its peak
    return values.astype(np.float32)


def train(folder: Path) -> Path:
    """A model.pt of the linear baseline, trained on a video of 40 snippets."""
    settings = Settings(smoothing=1, regularization=10.0)
    values = features(40, (4, 9, "pour"), (14, 19, "stir"), (24, 29, "pour"), (34, 38, "stir"))
    points = [(6, "pour"), (16, "stir"), (26, "pour"), (36, "stir")]
    with FeatureFile(write_features(folder / "train.h5", {"t": values}, GRID)) as file:
        task = Stage1Task(
            features=file,
            points={"t": [{"seconds": (row + 0.5) * GRID.snippet, "label": label} for row, label in points]},
            classes=CLASSES,
            settings=settings,
            rng=np.random.default_rng(0),
            device=torch.device("cpu"),
            events=None,
            checkpoint=Checkpoint(None, key="", every=60),
            test=None,
            cache_memory=0,
        )
        model = method.train(task)
    stage1, path = folder / "stage1.pt", folder / "model.pt"
    model_file.save(stage1, model, settings=settings, classes=CLASSES, width=3, grid=GRID)
    steps = {"proposals": config.Proposals(), "detection": config.Detection()}
    predict.bundle(path, stage1, None, config.Prediction(features=config.Features(), **steps))
    return path
