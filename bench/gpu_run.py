"""What the parts of `make gpu-check` share: device, time left, a data set, figures with bounds."""

import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

import made_thumos
from jobs import Jobs

Check = Callable[[], dict]  # -> figures, in JSON's types

CPU = torch.device("cpu")
VARIANTS = ("default", "released")
STEP = 1e-4  # what rounding may do in a forward and a backward pass
NOISES = ("dropout", "block_dropout", "attention_dropout", "input_dropout", "noise")
NARROW, WIDE = 256, 2048  # channels; I3D's features have as many as the latter
FEW_VIDEOS, FEW_CHANNELS = 12, 64  # of the made data set where things are quick
# Optimizer steps of the released trainings: a share of the 1000 and 400 that they have.
SHARES = {("released", "stage1"): 60, ("released", "stage2"): 40}
QUICK_STEPS = {
    (v, s): n for v, n in (("default", 6), ("released", 4)) for s in ("stage1", "stage2", "stage3")
}


class Run:
    """A run of gpu-check: networks on `device`, files under `folder`, until `deadline` (time.monotonic)."""

    def __init__(self, device: torch.device, *, quick: bool, folder: Path, deadline: float):
        self.device, self.quick, self.folder, self.deadline = device, quick, folder, deadline

    def left(self) -> float:
        """The seconds left."""
        return self.deadline - time.monotonic()

    def synchronize(self) -> None:
        """Wait for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    @cached_property
    def jobs(self) -> Jobs:
        """The workflow's steps on a made data set of THUMOS14's size, written when it is first used."""
        root = self.folder / "data"
        size = (FEW_CHANNELS, FEW_VIDEOS) if self.quick else (WIDE, None)
        began = time.monotonic()
        entry = made_thumos.write(root, *size)
        jobs = Jobs(entry, self.folder / "run", self.device, QUICK_STEPS if self.quick else SHARES)
        jobs.written = time.monotonic() - began
        return jobs


def quiet(settings):
    """Settings without dropout and noise."""
    return settings.model_copy(update={name: 0.0 for name in NOISES if hasattr(settings, name)})


def within(difference: float, bound: float) -> dict[str, float]:
    """A difference and what it may be at most; a check fails where it is larger, or NaN."""
    return {"difference": float(difference), "bound": bound}


def relative(actual, expected) -> float:
    """The norm of the difference over the norm of what is expected."""
    actual, expected = (as_double(x) for x in (actual, expected))
    return float((actual - expected).norm() / expected.norm().clamp(min=1e-30))


def largest(actual, expected) -> float:
    """The largest difference over the largest magnitude of what is expected."""
    actual, expected = (as_double(x) for x in (actual, expected))
    return float(
        (actual - expected.reshape(actual.shape)).abs().max() / expected.abs().max().clamp(min=1e-30)
    )


def as_double(x) -> torch.Tensor:
    """A tensor or an array as float64 on the CPU."""
    x = torch.from_numpy(np.asarray(x)) if not isinstance(x, torch.Tensor) else x
    return x.detach().cpu().double()
