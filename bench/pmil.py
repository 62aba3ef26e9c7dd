"""A step of P-MIL on made data."""

import torch

import made
from hrpro.layers.packing import Packing
from hrpro.pmil import losses
from hrpro.pmil.dataset import Batch
from hrpro.pmil.model import PmilModel
from hrpro.training.optimizer import autocast, make_optimizer
from hrpro.utils.speed import keep_memory
from machine import Clock, Result, at_limit
from settings import configuration
from stages import Step, linear

WIDTH = 2048


def step_operations(proposals: int, streams: list[int]) -> float:
    """What a step needs, once, its proposals' vectors given: matrix products alone, no gradient to them."""
    total = 0.0
    for width in streams:
        half = width // 2
        total += linear(proposals, 3 * width, width, False) + 3 * linear(proposals, width, half)
        total += linear(proposals, half, made.CLASSES + 3)  # of the three heads together
    return total


def pmil_step(videos: int, proposals: int, width: int, settings, device="cpu") -> Step:
    """A step on so many proposals per video, all of videos of one class."""
    keep_memory()
    torch.manual_seed(0)
    lengths = made.lengths("train", videos)
    model = PmilModel(made.CLASSES, width, settings).train().to(device)
    optimizer, _ = make_optimizer(model, settings, 100)
    batch = Batch(
        vectors=torch.randn(videos * proposals, 3, width).to(device),
        proposals=torch.cat([torch.rand(proposals, 2).mul(n).sort(1).values for n in lengths]).to(device),
        packing=Packing([proposals] * videos, device),
        present=torch.eye(made.CLASSES)[torch.arange(videos) % made.CLASSES].to(device),
    )

    def step_losses():
        optimizer.zero_grad()
        with autocast(settings, batch.vectors.device):
            outputs = model(batch.vectors)
        loss = losses.pmil(outputs, batch, 1.0, settings)
        loss["total"].mean().backward()
        return loss

    def run():
        step_losses()
        optimizer.step()

    return Step(model, step_losses, run, None)


def pmil(settings: dict, quick: bool, now: Clock) -> dict[str, Result]:
    """A step of the released program's size: two streams of 1024 channels."""
    chosen = configuration().step("thumos", "stage2", "pmil_released")
    videos = 3 if quick else chosen.batch
    step = pmil_step(videos, made.PROPOSALS, WIDTH, chosen)
    operations = step_operations(videos * made.PROPOSALS, chosen.streams)
    seconds, limit = at_limit(operations, 3 if quick else 5, now, step.run)
    size = f"{videos} videos of {made.PROPOSALS} proposals"
    return {f"pmil_step_{WIDTH}": Result(size, seconds, None, limit)}
