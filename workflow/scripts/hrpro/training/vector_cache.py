"""The vectors of the training proposals, kept from step to step as far as memory allows."""

from collections.abc import Callable

import numpy as np
import torch

from ..utils.devices import send


class VectorCache:
    """The start, centre and end vectors of each video's candidates, which no training step changes.

    compute: a video and the numbers of some of its candidates (M,) -> their vectors (M, 3, channels);
    counts: the candidates per video; size: bytes of a candidate's vectors. All vectors of a video are
    computed when the first are asked for and kept, until `memory` bytes are full; those of later videos are
    computed at each step. Both ways give the same bits.
    """

    def __init__(
        self,
        compute: Callable[[str, np.ndarray], torch.Tensor],
        counts: dict[str, int],
        *,
        size: int,
        memory: float,
    ):
        self.compute, self.counts, self.size = compute, counts, size
        self.free = memory
        self.vectors: dict[str, torch.Tensor] = {}

    def __contains__(self, video: str) -> bool:
        """Whether a video's vectors are kept."""
        return video in self.vectors

    def read(self, video: str, numbers: np.ndarray) -> torch.Tensor:
        """The vectors of some candidates (M,) of a video: (M, 3, channels)."""
        size = self.counts[video] * self.size
        if video not in self.vectors and size <= self.free:
            self.free -= size
            self.vectors[video] = self.compute(video, np.arange(self.counts[video]))
        if video in self.vectors:
            vectors = self.vectors[video]
            return vectors.index_select(0, send(numbers, vectors.device))
        return self.compute(video, numbers)
