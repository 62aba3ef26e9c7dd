"""What a training of stage 2 draws from: candidates and their vectors (docs/method.md, section 5.5)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from ..detection.segments import Segments, join
from ..layers.packing import Packing
from ..utils import devices
from ..utils.devices import send
from ..utils.errors import InputError
from .cache import FeatureCache
from .task import Stage2Task
from .vector_cache import VectorCache

VECTOR_BYTES = 3 * 4  # of a segment's start, centre and end vectors, per channel


class Drawn(NamedTuple):
    """M candidates of B videos, video by video."""

    vectors: torch.Tensor  # (M, 3, channels)
    segments: torch.Tensor  # (M, 2), in snippets
    labels: torch.Tensor  # (M,), -1 for no class
    packing: Packing  # of the candidates of each video


class CandidatePool:
    """The candidates of some training videos, which are numbered, on the device of the training.

    segments: {video: its candidates}; vectors: a video, its features (T, D) and some of its candidates
    (M, 2), in snippets -> their vectors (M, 3, channels), which no training step may change.
    """

    def __init__(
        self,
        task: Stage2Task,
        segments: dict[str, Segments],
        *,
        vectors: Callable[[str, torch.Tensor, torch.Tensor], torch.Tensor],
        channels: int,
    ):
        self.videos, self.segments = list(segments), segments
        self.grid, self.device, self.rng = task.features.grid, task.device, task.rng
        self.of_segments = vectors
        self.features = FeatureCache(task.features, task.device, devices.cache_size(task.device, 0))
        counts = {video: len(candidates) for video, candidates in segments.items()}
        memory = devices.cache_size(task.device, task.cache_memory)
        self.vectors = VectorCache(self.compute, counts, size=VECTOR_BYTES * channels, memory=memory)

    def __len__(self) -> int:
        return len(self.videos)

    def draw(self, numbers, most: int) -> Drawn:
        """The candidates of some videos, given by their numbers; of each at most so many, drawn at random."""
        videos = [self.videos[number] for number in numbers]
        drawn = [draw(len(self.segments[video]), most, self.rng) for video in videos]
        parts = [self.segments[video].take(index) for video, index in zip(videos, drawn, strict=True)]
        segments = join(parts)
        vectors = [self.vectors.read(video, index) for video, index in zip(videos, drawn, strict=True)]
        return Drawn(
            vectors=torch.cat(vectors),
            segments=self.to_snippets(segments.times),
            labels=send(segments.labels, self.device),
            packing=Packing([len(part) for part in parts], self.device),
        )

    def prefetch(self, numbers) -> None:
        """Have the system read some videos ahead, if their vectors are not kept."""
        videos = [self.videos[number] for number in numbers]
        self.features.prefetch([video for video in videos if video not in self.vectors])

    def compute(self, video: str, numbers: np.ndarray) -> torch.Tensor:
        """The vectors of some candidates (M,) of a video: (M, 3, channels)."""
        segments = self.to_snippets(self.segments[video].times[numbers])
        return self.of_segments(video, self.features.read(video), segments)

    def to_snippets(self, times: np.ndarray) -> torch.Tensor:
        """Seconds -> positions in snippets, float32, on the training's device."""
        return send(self.grid.snippets(times).astype(np.float32), self.device)


def videos_with_proposals(task: Stage2Task) -> list[str]:
    """The training videos with positive proposals. Raises InputError where none has one."""
    videos = [video for video in task.features.videos if len(task.positive[video])]
    if not videos:
        raise InputError(
            "no training video has a proposal; lower proposals.class_score or train stage 1 longer"
        )
    return videos


def draw(count: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """The numbers of `count` candidates or, drawn at random, of `most` of them."""
    return np.arange(count) if count <= most else rng.permutation(count)[:most]
