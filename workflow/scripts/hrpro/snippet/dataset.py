"""The training videos of stage 1, as batches."""

from typing import NamedTuple

import torch

from ..layers.packing import Packing
from ..training.cache import FeatureCache
from ..training.task import Stage1Task
from ..utils import devices
from . import seeds


class Batch(NamedTuple):
    """Some videos end to end, N snippets in all."""

    features: torch.Tensor  # (N, D)
    points: torch.Tensor  # (N, C), of 0 and 1
    packing: Packing


class Dataset:
    """The training videos, numbered, on the device of the training."""

    def __init__(self, task: Stage1Task):
        self.task = task
        self.videos = task.features.videos
        self.cache = FeatureCache(task.features, task.device, devices.feature_cache_size(task.device))

    def __len__(self) -> int:
        return len(self.videos)

    def batch(self, numbers) -> Batch:
        """The batch of some videos, given by their numbers."""
        videos = [self.videos[number] for number in numbers]
        features, packing = self.cache.read_packed(videos)
        points = [
            seeds.point_labels(
                self.task.points[video],
                self.task.classes,
                length=length,
                grid=self.task.features.grid,
                same_action=self.task.settings.same_action,
            )
            for video, length in zip(videos, packing.lengths, strict=True)
        ]
        return Batch(features, torch.cat(points).to(self.task.device), packing)

    def prefetch(self, numbers) -> None:
        """Have the system read some videos ahead."""
        self.cache.prefetch([self.videos[number] for number in numbers])
