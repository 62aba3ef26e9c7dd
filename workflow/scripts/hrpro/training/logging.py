"""TensorBoard events of a training, and its end where it diverges."""

import math
from pathlib import Path
from typing import NamedTuple

import torch
from torch.utils.tensorboard import SummaryWriter

from ..utils import files
from ..utils.errors import InputError
from ..utils.progress import log

WRITE_EVERY = 10  # steps


class Step(NamedTuple):
    """What is logged of a step; means: a mean per name, (names,), where the network runs."""

    step: int
    learning_rate: float
    names: list[str]
    means: torch.Tensor


class EventLog:
    """TensorBoard events in a folder; a context manager.

    done: the steps before it. Without any, events of an earlier training are removed. Events are written
    WRITE_EVERY steps at a time, so that no step waits for a GPU. status: receives the latest "loss".
    Whatever writes raises InputError at the first step of which a value is not finite.
    """

    def __init__(self, folder, done: int, status: dict[str, float]):
        if files.is_taken(Path(folder)) and not Path(folder).is_dir():
            raise InputError(f"{folder}: not a folder; name one for the events")
        if done == 0:
            for path in Path(folder).glob("events.out.tfevents.*"):
                path.unlink()
        self.writer = SummaryWriter(folder, purge_step=done + 1 if done else None)
        self.status = status
        self.steps: list[Step] = []

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        if error is None:
            self.write()
        self.writer.close()

    def log_step(self, step: int, learning_rate: float, values: dict[str, torch.Tensor]) -> None:
        """Log a step's learning rate and the means of values such as {"loss/total": (B,)}."""
        means = torch.stack([value.detach().mean() for value in values.values()])
        self.steps.append(Step(step, learning_rate, list(values), means))
        if len(self.steps) == WRITE_EVERY:
            self.write()

    def log_test(self, step: int, mean_ap: float) -> None:
        """Log the mAP, in %, of a test during training."""
        self.writer.add_scalar("mAP", mean_ap, step)
        log.info("step %d: mAP on the test split %.2f", step, mean_ap)

    def write(self) -> None:
        """Write the steps that are waiting."""
        steps, self.steps = self.steps, []
        means = torch.stack([step.means for step in steps]).tolist() if steps else []  # the one wait
        for step, of_step in zip(steps, means, strict=True):
            values = dict(zip(step.names, of_step, strict=True))
            require_finite(step.step, values)
            for name, value in values.items():
                self.writer.add_scalar(name, value, step.step)
            self.writer.add_scalar("learning rate", step.learning_rate, step.step)
            self.status["loss"] = values["loss/total"]

    def flush(self) -> None:
        """Write the steps that are waiting and flush the file."""
        self.write()
        self.writer.flush()


def require_finite(step: int, values: dict[str, float]) -> None:
    """Raise InputError where one of a step's values is NaN or infinite."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise InputError(
                f"the training diverged: at step {step} {name} is {value}; lower its learning_rate or, where "
                "standardize is false, set it to true"
            )
