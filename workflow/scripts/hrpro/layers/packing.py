"""Videos of different lengths end to end along one axis, so that a batch needs no padding."""

from functools import cached_property

import numpy as np
import torch

from ..utils.devices import send


class Packing:
    """Where each video lies in a packed tensor of N = sum(lengths) snippets.

    lengths: the snippets of each of the B videos, each at least 1.
    """

    def __init__(self, lengths: list[int], device="cpu"):
        self.lengths = [int(length) for length in lengths]
        self.device = torch.device(device)
        # one call for all videos, where calls cost more than arithmetic
        self.fused = self.device.type != "cpu"

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def sizes(self) -> torch.Tensor:
        """(B,) the lengths as a tensor."""
        return self.offsets.diff()

    @cached_property
    def starts(self) -> torch.Tensor:
        """(B,) the first snippet of each video."""
        return self.offsets[:-1]

    @cached_property
    def video(self) -> torch.Tensor:
        """(N,) the number of the video that each snippet belongs to."""
        return send(np.repeat(np.arange(len(self)), self.lengths), self.device)

    @cached_property
    def is_video(self) -> torch.Tensor:
        """(N, B), of 0 and 1: the snippet belongs to the video."""
        return torch.zeros(len(self.video), len(self), device=self.device).scatter(
            1, self.video.unsqueeze(1), 1.0
        )

    @cached_property
    def offsets(self) -> torch.Tensor:
        """(B + 1,) where each video starts, and N."""
        return send(np.cumsum([0, *self.lengths]), self.device)

    @cached_property
    def is_first(self) -> torch.Tensor:
        """(N,) bool: the snippet opens its video."""
        first = torch.zeros(sum(self.lengths), dtype=torch.bool, device=self.device)
        return first.index_fill(0, self.starts, True)

    @cached_property
    def is_last(self) -> torch.Tensor:
        """(N,) bool: the snippet closes its video."""
        return self.is_first.roll(-1)

    def split(self, packed: torch.Tensor, dim: int = 0) -> tuple[torch.Tensor, ...]:
        """A tensor that is packed along `dim` -> one view per video."""
        return packed.split(self.lengths, dim)

    def pad(self, packed: torch.Tensor, value: float = 0.0) -> torch.Tensor:
        """(N, ...) -> (B, L, ...), `value` from the end of each video on; L: the longest video's length."""
        most = max(self.lengths)
        rows = np.concatenate([np.arange(length) + most * video for video, length in enumerate(self.lengths)])
        padded = packed.new_full((len(self) * most, *packed.shape[1:]), value)
        return padded.index_copy(0, send(rows, self.device), packed).unflatten(0, (len(self), most))

    def products(self, packed: torch.Tensor, matrices: torch.Tensor) -> torch.Tensor:
        """Each snippet times the matrix of its video: (N, D), (B, C, D) -> (N, C).

        Fused: times all matrices, of which its own product is kept.
        """
        if not self.fused:
            return torch.cat([x @ m.T for x, m in zip(self.split(packed), matrices, strict=True)])
        every = (packed @ matrices.flatten(0, 1).T).unflatten(1, matrices.shape[:2])
        return (every * self.is_video.unsqueeze(2)).sum(1)

    def sums(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """The sum of left_n right_n^T over the snippets of each video: (N, P), (N, Q) -> (B, P, Q)."""
        if not self.fused:
            parts = zip(self.split(left), self.split(right), strict=True)
            return torch.stack([of_left.T @ of_right for of_left, of_right in parts])
        by_video = (self.is_video.unsqueeze(2) * left.unsqueeze(1)).flatten(1)
        return (by_video.T @ right).unflatten(0, (len(self), -1))


def group_sum(values: torch.Tensor, group: torch.Tensor, groups: int) -> torch.Tensor:
    """Sum rows by group: (N, ...) and (N,) -> (groups, ...)."""
    return values.new_zeros(groups, *values.shape[1:]).index_add(0, group, values)
