"""The training of the pyramid (docs/method.md, section 16.5)."""

from ..training.checkpoint import RngState
from ..training.logging import EventLog
from ..training.optimizer import autocast, gradient_norm, make_optimizer
from ..training.sampler import BatchSampler
from ..training.task import Stage3Task
from ..utils.progress import track
from . import losses
from .dataset import Dataset
from .model import PyramidModel

FASTER = "lower settings.stage3.iterations, batch, cells or width"


def train(task: Stage3Task) -> PyramidModel:
    """Train; -> the model after the last step, in evaluation mode."""
    settings, features = task.settings, task.features
    dataset = Dataset(task)
    model = PyramidModel(len(task.classes), features.width, settings, dataset.layout).to(task.device)
    optimizer, schedule = make_optimizer(model, settings, settings.iterations)
    sampler = BatchSampler(len(dataset), settings.batch, task.rng)

    state = {
        "model": model,
        "optimizer": optimizer,
        "schedule": schedule,
        "sampler": sampler,
        "rng": RngState(task.rng, task.device),
    }
    done = task.checkpoint.resume(state)
    if done == 0 and settings.standardize:
        model.inputs.set_moments(*features.moments())

    status = {}  # shown with the progress
    with EventLog(task.events, done, status) as events:
        steps = range(done + 1, settings.iterations + 1)
        for step in track(steps, settings.iterations, "stage 3", status, done, FASTER):
            model.train()
            optimizer.zero_grad()  # before the forward pass, which then has the gradients' memory
            batch = dataset.batch(next(sampler))
            dataset.prefetch(sampler.peek())

            # forward and backward
            with autocast(settings, task.device):
                outputs = model(batch.features, batch.cells)
            loss = losses.pyramid(outputs, batch, settings)
            loss["total"].backward()

            # update the weights and the learning rate
            learning_rate = schedule.get_last_lr()[0]
            optimizer.step()
            schedule.step()

            # log
            values = {f"loss/{name}": value for name, value in loss.items()}
            events.log_step(step, learning_rate, values | {"gradient norm": gradient_norm(model)})
            task.checkpoint.maybe_save(step, state, events)
    return model.eval()
