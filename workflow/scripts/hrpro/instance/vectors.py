"""The vectors of the training proposals, kept from step to step as far as memory allows."""

from collections.abc import Callable

import numpy as np
import torch

MEGABYTE = 1e6


class Vectors:
    """Start, centre and end vectors of each video's candidates, which no training step changes.

    compute: a video and the numbers of some of its candidates (M,) -> their vectors (M, 3, channels);
    counts: the candidates of each video; each: bytes of a candidate's vectors. All of a video's are
    computed when it is first asked for and kept, until `memory` MB are; those of the videos that come
    later are computed at each step. Both ways give the same bits.
    """

    def __init__(
        self,
        compute: Callable[[str, np.ndarray], torch.Tensor],
        counts: dict[str, int],
        each: int,
        memory: float,
    ):
        self.compute, self.counts, self.each = compute, counts, each
        self.left = memory * MEGABYTE
        self.kept: dict[str, torch.Tensor] = {}

    def of(self, video: str, chosen: np.ndarray) -> torch.Tensor:
        """The vectors of the chosen candidates (M,) of a video: (M, 3, channels)."""
        size = self.counts[video] * self.each
        if video not in self.kept and size <= self.left:
            self.left -= size
            self.kept[video] = self.compute(video, np.arange(self.counts[video]))
        if video in self.kept:
            return self.kept[video][chosen]
        return self.compute(video, chosen)
