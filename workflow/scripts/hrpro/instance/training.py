"""The training of the instance network (docs/method.md, section 5.5)."""

from ..training.best import BestModel
from ..training.checkpoint import RngState
from ..training.logging import EventLog
from ..training.optimizer import autocast, gradient_norm, make_optimizer
from ..training.sampler import BatchSampler
from ..training.task import Stage2Task
from ..utils.devices import send
from ..utils.progress import track
from . import losses
from .dataset import Dataset
from .model import InstanceModel, refine

FASTER = "lower settings.stage2.iterations, batch or proposals"


def train(task: Stage2Task) -> InstanceModel:
    """Train; -> the model after the last step or, with a test, the best tested one, in evaluation mode."""
    settings, features = task.settings, task.features
    model = InstanceModel(len(task.scores.classes), features.width, settings).to(task.device)
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
                completeness, offsets = model(batch.vectors, batch.labels)
            random = send(task.rng.random(len(batch.proposals)), task.device)
            loss = losses.stage2(
                completeness, refine(batch.proposals, offsets), batch, random=random, settings=settings
            )
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
