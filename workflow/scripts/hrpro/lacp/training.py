"""The training of LACP (docs/method.md, section 11.5)."""

import numpy as np
import torch

from ..training import seeds
from ..training.best import BestModel
from ..training.checkpoint import RngState
from ..training.dataset import Dataset
from ..training.logging import EventLog
from ..training.optimizer import autocast, gradient_norm, make_optimizer
from ..training.sampler import BatchSampler
from ..training.task import Stage1Task
from ..utils.progress import track
from . import instances, losses
from .model import LacpModel
from .search import label_video

FASTER = "lower the variant's iterations, batch or hidden, or search less often (search_every)"
SEARCH_BATCH = 8  # videos at a time


class Found:
    """What the latest search has found, and what the training uses of it: the runs of each video."""

    def __init__(self, videos: int):
        self.latest = self.used = [np.zeros((0, 4), dtype=int)] * videos

    def state_dict(self) -> dict:
        """Both."""
        return {name: [torch.from_numpy(rows) for rows in getattr(self, name)] for name in ("latest", "used")}

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` was taken."""
        self.latest, self.used = ([rows.numpy() for rows in state[name]] for name in ("latest", "used"))


def train(task: Stage1Task) -> LacpModel:
    """Train; -> the model after the last step or, with a test, the best tested one, in evaluation mode."""
    settings, features = task.settings, task.features
    dataset = Dataset(task)
    model = LacpModel(len(task.classes), features.width, settings).to(task.device)
    optimizer, schedule = make_optimizer(model, settings, settings.iterations)
    sampler = BatchSampler(len(dataset), settings.batch, task.rng)
    best, found = BestModel(), Found(len(dataset))

    state = {
        "model": model,
        "optimizer": optimizer,
        "schedule": schedule,
        "sampler": sampler,
        "best": best,
        "found": found,
        "rng": RngState(task.rng, task.device),
    }
    done = task.checkpoint.resume(state)
    if done == 0 and settings.standardize:
        model.inputs.set_moments(*features.moments())

    status = {}  # shown with the progress
    with EventLog(task.events, done, status) as events:
        steps = range(done + 1, settings.iterations + 1)
        for step in track(steps, settings.iterations, "stage 1", status, done, FASTER):
            model.train()
            optimizer.zero_grad()  # before the forward pass, which then has the gradients' memory
            if not settings.labels_at_epochs or not len(sampler.peek()):
                found.used = found.latest
            numbers = next(sampler)
            batch = dataset.batch(numbers)
            dataset.prefetch(sampler.peek())

            # forward and backward
            with autocast(settings, task.device):
                scores = model(batch.features, batch.packing)
            of_batch = instances.pack([found.used[n] for n in numbers], batch.packing.lengths, settings)
            loss = losses.lacp(
                scores,
                batch.points,
                packing=batch.packing,
                instances=of_batch,
                draws=instances.draw(of_batch, settings.parts, task.rng),
                settings=settings,
            )
            loss["total"].mean().backward()

            # update the weights, the learning rate and, now and then, the labels
            learning_rate = schedule.get_last_lr()[0]
            optimizer.step()
            schedule.step()
            if step % settings.search_every == 0:
                found.latest = search(model, dataset)

            # log
            values = {f"loss/{name}": value for name, value in loss.items()}
            events.log_step(step, learning_rate, values | {"gradient norm": gradient_norm(model)})

            best.maybe_test(
                step, model, events, test=task.test, every=settings.test_every, last=settings.iterations
            )
            task.checkpoint.maybe_save(step, state, events)

    best.restore(model)
    return model.eval()


def search(model: LacpModel, dataset: Dataset) -> list[np.ndarray]:
    """The runs of the optimal sequences of every training video, by the network as it is."""
    numbers = range(len(dataset))
    batches = (dataset.batch(numbers[first : first + SEARCH_BATCH]) for first in numbers[::SEARCH_BATCH])
    return [
        instances.runs(dense, model.settings.drops_last)
        for batch in batches
        for dense in label_videos(model, batch.features, batch.points, batch.packing)
    ]


@torch.no_grad()
def label_videos(model: LacpModel, features, points, packing) -> list[np.ndarray]:
    """The dense labels of the videos of a batch, (T, C) each."""
    settings = model.settings
    scores = model.eval()(features, packing)
    mined = seeds.mine(
        scores.background,
        points,
        packing,
        background_threshold=settings.background_threshold,
        action_threshold=settings.action_threshold,
    )
    by_video = ((part.numpy() for part in packing.split(x.cpu())) for x in (scores.fused[:, :-1], *mined))
    return [label_video(*video, settings)[0] for video in zip(*by_video, strict=True)]
