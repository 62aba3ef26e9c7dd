"""The training of the snippet network (docs/method.md, section 2.7)."""

import torch

from ..layers.packing import Packing
from ..training.best import BestModel
from ..training.checkpoint import RngState
from ..training.dataset import Dataset
from ..training.logging import EventLog
from ..training.optimizer import autocast, gradient_norm, make_optimizer
from ..training.sampler import BatchSampler
from ..training.task import Stage1Task
from ..utils.progress import track
from . import losses, memory
from .model import SnippetModel

FASTER = (
    "lower settings.stage1.iterations or batch or, where videos are long, set attention_window: "
    "attention takes time with the square of a video's snippets"
)
PROTOTYPE_BATCH = 8  # videos at a time while the prototypes are initialized


def train(task: Stage1Task) -> SnippetModel:
    """Train; -> the model after the last step or, with a test, the best tested one, in evaluation mode."""
    settings, features = task.settings, task.features
    dataset = Dataset(task)
    model = SnippetModel(len(task.classes), features.width, settings).to(task.device)
    optimizer, schedule = make_optimizer(model, settings, settings.iterations)
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
    if done == 0:
        if settings.standardize:
            model.inputs.set_moments(*features.moments())
        model.prototypes.copy_(initial_prototypes(model, dataset))

    status = {}  # shown with the progress
    with EventLog(task.events, done, status) as events:
        steps = range(done + 1, settings.iterations + 1)
        for step in track(steps, settings.iterations, "stage 1", status, done, FASTER):
            model.train()
            optimizer.zero_grad()  # before the forward pass, which then has the gradients' memory
            batch = dataset.batch(next(sampler))
            dataset.prefetch(sampler.peek())

            # forward and backward
            with autocast(settings, task.device):
                scores = model(batch.features, batch.packing)
            if dataset.timed:
                loss, prototypes = losses.stage1(
                    scores,
                    batch.points,
                    model.prototypes,
                    packing=batch.packing,
                    settings=settings,
                    background=batch.background,
                )
            else:
                loss = losses.by_videos(scores, batch.present, packing=batch.packing, top=settings.video_top)
                prototypes = model.prototypes
            loss["total"].mean().backward()

            # update the weights, the learning rate and the prototypes
            learning_rate = schedule.get_last_lr()[0]
            optimizer.step()
            schedule.step()
            movement = (prototypes - model.prototypes).norm(dim=1)
            model.prototypes.copy_(prototypes)

            # log
            values = {f"loss/{name}": value for name, value in loss.items()}
            values |= {"gradient norm": gradient_norm(model), "prototype movement": movement}
            events.log_step(step, learning_rate, values)

            best.maybe_test(
                step, model, events, test=task.test, every=settings.test_every, last=settings.iterations
            )
            task.checkpoint.maybe_save(step, state, events)

    best.restore(model)
    return model.eval()


@torch.no_grad()
def initial_prototypes(model: SnippetModel, dataset: Dataset) -> torch.Tensor:
    """The mean embedding of the labelled snippets of each class, by the untrained network: (C, D).

    A class without a point keeps a zero prototype (docs/method.md, section 2.2).
    """
    model.eval()
    total, count = torch.zeros_like(model.prototypes), 0
    for first in range(0, len(dataset), PROTOTYPE_BATCH):
        batch = dataset.batch(range(first, min(first + PROTOTYPE_BATCH, len(dataset))))
        embedding = model(batch.features, batch.packing).embedding
        all_videos = Packing([len(embedding)], embedding.device)
        means, sizes = memory.class_means(embedding, batch.points, all_videos)
        total += means[0] * sizes[0].unsqueeze(1)
        count = count + sizes[0]
    return total / count.clamp(min=1).unsqueeze(1)
