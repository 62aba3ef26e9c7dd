"""The training videos of stage 2, as batches of proposals (docs/method.md, sections 5.1, 5.3 and 5.5)."""

from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from ..detection.segments import Segments, join
from ..layers.packing import Packing
from ..training.cache import FeatureCache
from ..training.task import Stage2Task
from ..utils import devices
from ..utils.devices import send
from ..utils.errors import InputError
from .model import InstanceModel
from .vector_cache import VectorCache

VECTOR_BYTES = 3 * 4  # of a proposal's start, centre and end vectors, per channel


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
        self.task, self.model = task, model
        self.grid, self.device = task.features.grid, task.device
        self.cache = FeatureCache(task.features, task.device, devices.cache_size(task.device, 0))
        self.videos = [video for video in task.features.videos if len(task.positive[video])]
        if not self.videos:
            raise InputError(
                "no training video has a proposal; lower proposals.class_score or train stage 1 longer"
            )
        self.candidates: dict[str, Segments] = {}
        reliable = [task.reliable[video] for video in self.videos]
        self.reliable = pad_reliable(
            [Reliable(self.to_snippets(part.times), send(part.labels, self.device)) for part in reliable]
        )
        for video in self.videos:
            positive, negative = task.positive[video], task.negative[video]
            if task.settings.class_given:
                negative = with_classes(negative, positive, task.rng)
            self.candidates[video] = join([positive, negative])
        counts = {video: len(self.candidates[video]) for video in self.videos}
        size = VECTOR_BYTES * model.channels
        memory = devices.cache_size(task.device, task.cache_memory)
        self.vectors = VectorCache(self.compute_vectors, counts, size=size, memory=memory)

    def __len__(self) -> int:
        return len(self.videos)

    def batch(self, numbers) -> Batch:
        """The batch of some videos, given by their numbers, with candidates drawn at random."""
        videos = [self.videos[number] for number in numbers]
        most = self.task.settings.proposals
        drawn = [draw(len(self.candidates[video]), most, self.task.rng) for video in videos]
        candidates = [self.candidates[video].take(index) for video, index in zip(videos, drawn, strict=True)]
        proposals = join(candidates)
        vectors = [self.vectors.read(video, index) for video, index in zip(videos, drawn, strict=True)]
        index = send(np.asarray(numbers), self.device)
        return Batch(
            vectors=torch.cat(vectors),
            proposals=self.to_snippets(proposals.times),
            labels=send(proposals.labels, self.device),
            video=Packing([len(part) for part in candidates], self.device).video,
            reliable=Reliable(*(part.index_select(0, index) for part in self.reliable)),
        )

    def prefetch(self, numbers) -> None:
        """Have the system read some videos ahead, if their vectors are not kept."""
        videos = [self.videos[number] for number in numbers]
        self.cache.prefetch([video for video in videos if video not in self.vectors])

    def compute_vectors(self, video: str, numbers: np.ndarray) -> torch.Tensor:
        """The vectors of some candidates (M,) of a video: (M, 3, channels)."""
        return self.model.vectors(
            self.cache.read(video),
            send(self.task.scores.read(video).fused, self.device),
            self.to_snippets(self.candidates[video].times[numbers]),
        )

    def to_snippets(self, times: np.ndarray) -> torch.Tensor:
        """Seconds -> positions in snippets, float32, on the training's device."""
        return send(self.grid.snippets(times).astype(np.float32), self.device)


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


def draw(count: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """The numbers of `count` candidates or, drawn at random, of `most` of them."""
    return np.arange(count) if count <= most else rng.permutation(count)[:most]
