"""The training videos of stage 2, as batches of proposals (docs/method.md, sections 5.1, 5.3 and 5.5)."""

from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from ..detection.segments import Segments, join
from ..training.candidates import CandidatePool, videos_with_proposals
from ..training.task import Stage2Task
from ..utils.devices import send
from .model import InstanceModel


class Reliable(NamedTuple):
    """The K reliable proposals of a video or, padded by segments [0, 0] of class -1, of each of B videos."""

    segments: torch.Tensor  # ([B,] K, 2), in snippets
    labels: torch.Tensor  # ([B,] K)


class Batch(NamedTuple):
    """M proposals of B videos, video by video."""

    vectors: torch.Tensor  # (M, 3, channels)
    proposals: torch.Tensor  # (M, 2), in snippets
    labels: torch.Tensor  # (M,), -1 for no class
    video: torch.Tensor  # (M,), 0 to B - 1
    reliable: Reliable  # of B videos


class Dataset:
    """The training videos with positive proposals, numbered, on the device of the training.

    A video's candidates are its positive and its negative proposals; with `class_given` the negatives get a
    class, drawn here. model: computes the vectors, once its inputs' moments are set. Raises InputError
    where no video has a positive proposal.
    """

    def __init__(self, task: Stage2Task, model: InstanceModel):
        self.task = task
        segments = {}
        for video in videos_with_proposals(task):
            positive, negative = task.positive[video], task.negative[video]
            if task.settings.class_given:
                negative = with_classes(negative, positive, task.rng)
            segments[video] = join([positive, negative])

        def vectors(video: str, features: torch.Tensor, proposals: torch.Tensor) -> torch.Tensor:
            return model.vectors(features, send(task.scores.read(video).fused, task.device), proposals)

        self.pool = CandidatePool(task, segments, vectors=vectors, channels=model.channels)
        reliable = [task.reliable[video] for video in segments]
        self.reliable = pad_reliable(
            [Reliable(self.pool.to_snippets(part.times), send(part.labels, task.device)) for part in reliable]
        )

    def __len__(self) -> int:
        return len(self.pool)

    def batch(self, numbers) -> Batch:
        """The batch of some videos, given by their numbers, with candidates drawn at random."""
        drawn = self.pool.draw(numbers, self.task.settings.proposals)
        index = send(np.asarray(numbers), self.task.device)
        return Batch(
            vectors=drawn.vectors,
            proposals=drawn.segments,
            labels=drawn.labels,
            video=drawn.packing.video,
            reliable=Reliable(*(part.index_select(0, index) for part in self.reliable)),
        )

    def prefetch(self, numbers) -> None:
        """Have the system read some videos ahead, if their vectors are not kept."""
        self.pool.prefetch(numbers)


def pad_reliable(parts: list[Reliable]) -> Reliable:
    """The reliable proposals of several videos, padded to as many as the richest one has, at least 1."""
    most = max(1, *(len(part.labels) for part in parts))
    segments = [F.pad(part.segments, (0, 0, 0, most - len(part.labels))) for part in parts]
    labels = [F.pad(part.labels, (0, most - len(part.labels)), value=-1) for part in parts]
    return Reliable(torch.stack(segments), torch.stack(labels))


def with_classes(negative: Segments, positive: Segments, rng: np.random.Generator) -> Segments:
    """A video's negative proposals, each with a class drawn from those of its positive proposals.

    So the outputs of every class see background. The target of a negative proposal that overlaps a
    reliable one of the drawn class is their tIoU.
    """
    labels = rng.choice(np.unique(positive.labels), len(negative))
    return Segments(negative.times, labels, negative.scores)
