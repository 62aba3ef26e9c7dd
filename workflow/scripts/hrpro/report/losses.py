"""Training curves, from the TensorBoard events beside a model."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

POINTS = 120  # of a curve: more are averaged in as many runs of steps
LOSS = "loss/"  # how the names of losses begin in the log


class Series(NamedTuple):
    """Values of some steps of a training."""

    steps: list[float]
    values: list[float]


def read(folder) -> dict[str, Series]:
    """The losses of a training by their names, "total" first; none where there is no log.

    A model from Snakemake's cache comes without one, and a method that is no network has none.
    """
    if not any(Path(folder).glob("events.out.tfevents.*")):
        return {}
    log = EventAccumulator(str(folder), size_guidance={"scalars": 0})  # 0: all of them
    log.Reload()
    names = [name for name in log.Tags()["scalars"] if name.startswith(LOSS)]
    curves = {}
    for name in sorted(names, key=lambda name: (name != f"{LOSS}total", name)):
        scalars = log.Scalars(name)
        steps, values = [scalar.step for scalar in scalars], [scalar.value for scalar in scalars]
        curves[name.removeprefix(LOSS)] = thinned(steps, values)
    return curves


def thinned(steps: list[int], values: list[float]) -> Series:
    """A curve of no more than POINTS points, each the mean of a run of steps."""
    runs = min(len(steps), POINTS)
    means = ([float(part.mean()) for part in np.array_split(column, runs)] for column in (steps, values))
    return Series(*means)
