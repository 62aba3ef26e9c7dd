"""The training of P-MIL (docs/method.md, section 12.3)."""

import math

from ..training.best import BestModel
from ..training.checkpoint import RngState
from ..training.logging import EventLog
from ..training.optimizer import autocast, gradient_norm, make_optimizer
from ..training.sampler import BatchSampler
from ..training.task import Stage2Task
from ..utils.progress import track
from . import losses
from .dataset import Dataset
from .model import PmilModel

FASTER = "lower the variant's iterations, batch or proposals"


def train(task: Stage2Task) -> PmilModel:
    """Train; -> the model after the last step or, with a test, the best tested one, in evaluation mode."""
    settings, features = task.settings, task.features
    model = PmilModel(len(task.scores.classes), features.width, settings).to(task.device)
    dataset = Dataset(task, model)
    steps_per_epoch = max(1, len(dataset) // settings.batch)
    total = settings.iterations if settings.epochs is None else settings.epochs * steps_per_epoch
    test_every = settings.test_every * steps_per_epoch
    optimizer, schedule = make_optimizer(model, settings, total)
    sampler = BatchSampler(len(dataset), settings.batch, task.rng)
    best = BestModel()

    state = {
        "model": model,
        "optimizer": optimizer,
        "schedule": schedule,
        "sampler": sampler,
        "best": best,
        "rng": RngState(task.rng, task.device),
    }
    done = task.checkpoint.resume(state)
    if done == 0 and settings.standardize:
        model.inputs.set_moments(*features.moments())

    status = {}  # shown with the progress
    with EventLog(task.events, done, status) as events:
        for step in track(range(done + 1, total + 1), total, "stage 2", status, done, FASTER):
            model.train()
            optimizer.zero_grad()  # before the forward pass, which then has the gradients' memory
            batch = dataset.batch(next(sampler))
            dataset.prefetch(sampler.peek())

            # forward and backward
            with autocast(settings, task.device):
                outputs = model(batch.vectors)
            passed = step / total
            if settings.epochs is not None:  # as released: it changes between epochs alone
                passed = math.ceil(step / steps_per_epoch) / settings.epochs
            loss = losses.pmil(outputs, batch, ramp(passed, settings.ramp), settings)
            loss["total"].mean().backward()

            # update the weights and the learning rate
            learning_rate = schedule.get_last_lr()[0]
            optimizer.step()
            schedule.step()

            # log
            values = {f"loss/{name}": value for name, value in loss.items()}
            events.log_step(step, learning_rate, values | {"gradient norm": gradient_norm(model)})

            best.maybe_test(step, model, events, test=task.test, every=test_every, last=total)
            task.checkpoint.maybe_save(step, state, events)

    best.restore(model)
    return model.eval()


def ramp(passed: float, share: float) -> float:
    """The share of its weight that a loss has once so much of the training has passed: 1 from `share` on."""
    return math.exp(-5 * (1 - min(passed / share, 1.0)) ** 2) if share else 1.0
