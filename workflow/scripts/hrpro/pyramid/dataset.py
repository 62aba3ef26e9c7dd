"""The training videos of the pyramid, as batches of cells (docs/method.md, section 16.5)."""

from typing import NamedTuple

import numpy as np
import torch

from ..detection.segments import segments
from ..proposals import ranking
from ..training.cache import FeatureCache
from ..training.task import Stage3Task
from ..utils import devices
from ..utils.devices import send
from ..utils.errors import InputError
from .layout import Cells, layout_of
from .pseudo import Pseudo, pseudo_segments, true_segments
from .targets import Targets, targets_of


class Batch(NamedTuple):
    """Some videos end to end, N snippets in all; the targets are of their cells, level by level."""

    features: torch.Tensor  # (N, D)
    cells: Cells
    targets: Targets  # tensors


class Dataset:
    """The training videos, numbered, on the device of the training; layout: that of their cells.

    Raises InputError where no point has a candidate.
    """

    def __init__(self, task: Stage3Task):
        self.task, settings, grid = task, task.settings, task.features.grid
        self.videos = task.features.videos
        pseudo = {video: instances_of(task, video) for video in self.videos}
        lengths = np.concatenate([np.diff(each.times)[:, 0] for each in pseudo.values()]) / grid.snippet
        if not len(lengths):
            raise InputError(
                "no point of the training videos has a proposal that holds it; lower proposals.class_score "
                "or train stage 1 longer"
            )
        self.layout = layout_of(lengths, settings.cells, settings.levels)
        self.cache = FeatureCache(
            task.features, task.device, devices.cache_size(task.device, task.cache_memory)
        )
        self.pseudo = {
            video: in_cells(each, lambda times: grid.snippets(times) * self.layout.scale)
            for video, each in pseudo.items()
        }

    def __len__(self) -> int:
        return len(self.videos)

    def batch(self, numbers) -> Batch:
        """The batch of some videos, given by their numbers."""
        device = self.task.device
        videos = [self.videos[number] for number in numbers]
        features, packing = self.cache.read_packed(videos)
        cells = Cells(packing.lengths, self.layout, device)
        by_video = [
            targets_of(
                self.pseudo[video],
                length,
                len(self.task.classes),
                layout=self.layout,
                radius=self.task.settings.radius,
            )
            for video, length in zip(videos, cells.lengths, strict=True)
        ]
        by_level = [target for level in zip(*by_video, strict=True) for target in level]
        columns = map(np.concatenate, zip(*by_level, strict=True))
        return Batch(features, cells, Targets(*(send(column, device) for column in columns)))

    def prefetch(self, numbers) -> None:
        """Have the system read some videos ahead."""
        self.cache.prefetch([self.videos[number] for number in numbers])


def instances_of(task: Stage3Task, video: str) -> Pseudo:
    """The segments of a training video: the true ones, or else what its points make of its candidates."""
    if task.segments is None:
        return pseudo_of(task, video)
    known = task.segments.of_video(video)
    unknown = segments(task.segments.ambiguous.get(video, [])).times
    return true_segments(known.times, known.labels, unknown)


def pseudo_of(task: Stage3Task, video: str) -> Pseudo:
    """The pseudo-segments of a training video, one per action whose point has a candidate."""
    points = ranking.number_labels(task.points[video], task.classes, task.features.grid, task.same_action)
    candidates = task.candidates[video]
    rows = ranking.candidates(candidates, points, any_score=True, same_action=task.same_action)
    return pseudo_segments([candidates.take(each) for each in rows if len(each)])


def in_cells(pseudo: Pseudo, convert) -> Pseudo:
    """Pseudo-segments whose times are converted, from seconds to cells."""
    return pseudo._replace(
        times=convert(pseudo.times),
        inner=convert(pseudo.inner),
        outer=convert(pseudo.outer),
        unknown=convert(pseudo.unknown),
    )
