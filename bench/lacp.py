"""A step of LACP, and its search for optimal sequences, on made data."""

import numpy as np
import torch

import made
from hrpro.lacp import instances, losses, search
from hrpro.lacp.model import LacpModel
from hrpro.layers.packing import Packing
from hrpro.training.optimizer import make_optimizer
from hrpro.utils.speed import keep_memory
from machine import Clock, Result, at_limit, clock
from settings import configuration
from stages import batch, linear, size_of

WIDTH = 2048
LENGTH, POINTS = 2600, 60  # of the video that is searched


def step_operations(snippets: int, hidden: int) -> float:
    """What a step needs, once: matrix products alone, no gradient to the features."""
    return linear(snippets, 3 * WIDTH, hidden, False) + linear(snippets, hidden, made.CLASSES + 1)


def lacp(settings: dict, quick: bool, now: Clock) -> dict[str, Result]:
    """A step with the released program's width, and an exact search beside the released beam."""
    chosen = configuration().step("thumos", "stage1", "lacp_released")
    keep_memory()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    lengths = made.lengths("train", 3 if quick else chosen.batch)
    features, points = batch(lengths, WIDTH)
    packing = Packing(lengths)
    model = LacpModel(made.CLASSES, WIDTH, chosen).train()
    optimizer, _ = make_optimizer(model, chosen, chosen.iterations)
    rows = [instances.runs(part.numpy(), chosen.drops_last) for part in packing.split(points)]

    def run():
        optimizer.zero_grad()
        of_batch = instances.pack(rows, lengths, chosen)
        draws = instances.draw(of_batch, chosen.parts, rng)
        loss = losses.lacp(
            model(features, packing),
            points,
            packing=packing,
            instances=of_batch,
            draws=draws,
            settings=chosen,
        )
        loss["total"].mean().backward()
        optimizer.step()

    seconds, limit = at_limit(step_operations(sum(lengths), chosen.hidden), 2 if quick else 3, now, run)
    results = {f"lacp_step_{WIDTH}": Result(size_of(lengths), seconds, None, limit)}

    activation, action, background = rng.random((LENGTH, 1)), np.zeros((LENGTH, 1)), np.zeros(LENGTH)
    action[20 :: LENGTH // POINTS], background[:: LENGTH // POINTS] = 1, 1
    exact, beam = (
        clock(lambda how=how: search.label_video(activation, action, background, how), now)
        for how in (chosen.model_copy(update={"search": "exact"}), chosen)
    )
    size = f"{LENGTH} snippets, {POINTS} points; beside the released beam"
    return results | {"lacp_search": Result(size, exact, beam)}
