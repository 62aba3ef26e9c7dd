"""The training videos of stage 1, as batches."""

from typing import NamedTuple

import numpy as np
import torch

from ..data.instances import are_timed
from ..layers.packing import Packing
from ..utils import devices
from ..utils.devices import send
from . import seeds
from .cache import FeatureCache
from .task import Stage1Task


class Batch(NamedTuple):
    """Some videos end to end, N snippets in all."""

    features: torch.Tensor  # (N, D)
    points: torch.Tensor  # (N, C), of 0 and 1; without times, 0; of true segments their action seeds
    present: torch.Tensor  # (B, C), of 0 and 1: the classes of each video
    packing: Packing
    # (N,), of 0 and 1: the background seeds, where true segments tell them
    background: torch.Tensor | None = None


class VideoLabels(NamedTuple):
    """What is known of the T snippets of a video."""

    cells: np.ndarray  # (2, P): the labelled snippets and their classes, as numbers
    background: np.ndarray | None  # (T,), of 0 and 1: the background seeds, where true segments tell them


class Dataset:
    """The training videos, numbered, on the device of the training."""

    def __init__(self, task: Stage1Task):
        self.task = task
        self.videos = task.features.videos
        self.cache = FeatureCache(
            task.features, task.device, devices.cache_size(task.device, task.cache_memory)
        )
        self.timed = task.segments is not None or are_timed(task.points)
        self.labels: dict[str, VideoLabels] = {}
        present = np.zeros((len(self.videos), len(task.classes)), dtype=np.float32)
        for number, video in enumerate(self.videos):
            for point in task.points[video]:
                present[number, task.classes.index(point["label"])] = 1
        self.present = send(present, task.device)

    def __len__(self) -> int:
        return len(self.videos)

    def batch(self, numbers) -> Batch:
        """The batch of some videos, given by their numbers."""
        videos = [self.videos[number] for number in numbers]
        features, packing = self.cache.read_packed(videos)
        first = np.cumsum([0, *packing.lengths[:-1]])
        labels = [
            self.labels_of(video, length) for video, length in zip(videos, packing.lengths, strict=True)
        ]
        cells = [each.cells + np.array([[start], [0]]) for each, start in zip(labels, first, strict=True)]
        snippets, classes = np.concatenate(cells, axis=1)
        points = torch.zeros(len(features), len(self.task.classes), device=self.task.device)
        numbers_of_cells = send(snippets * points.shape[1] + classes, self.task.device)
        points.view(-1).index_fill_(0, numbers_of_cells, 1.0)
        background = None
        if self.task.segments is not None:
            background = send(np.concatenate([each.background for each in labels]), self.task.device)
        present = self.present.index_select(0, send(np.asarray(numbers), self.task.device))
        return Batch(features, points, present, packing, background)

    def labels_of(self, video: str, length: int) -> VideoLabels:
        """What is known of the snippets of a video, of which there are `length`."""
        if not self.timed:
            return VideoLabels(np.zeros((2, 0), dtype=np.int64), None)
        if video not in self.labels:
            task, of_video = self.task, {"length": length, "grid": self.task.features.grid}
            background = None
            if task.segments is not None:
                ambiguous = task.segments.ambiguous.get(video, [])
                labels, background = seeds.of_segments(
                    task.points[video], task.classes, ambiguous=ambiguous, **of_video
                )
            else:
                labels = seeds.point_labels(
                    task.points[video], task.classes, same_action=task.settings.same_action, **of_video
                ).numpy()
            self.labels[video] = VideoLabels(np.stack(labels.nonzero()), background)
        return self.labels[video]

    def prefetch(self, numbers) -> None:
        """Have the system read some videos ahead."""
        self.cache.prefetch([self.videos[number] for number in numbers])
