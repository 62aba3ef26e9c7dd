"""Videos of different lengths end to end along one axis, so that a batch needs no padding."""

from functools import cached_property

import torch


class Packing:
    """Where each video lies in a packed tensor of N = sum(lengths) snippets.

    lengths: the snippets of each of the B videos, each at least 1.
    """

    def __init__(self, lengths: list[int], device="cpu"):
        self.lengths = [int(length) for length in lengths]
        self.device = torch.device(device)

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def sizes(self) -> torch.Tensor:
        """(B,) the lengths as a tensor."""
        return torch.tensor(self.lengths, device=self.device)

    @cached_property
    def starts(self) -> torch.Tensor:
        """(B,) the first snippet of each video."""
        return self.sizes.cumsum(0) - self.sizes

    @cached_property
    def video(self) -> torch.Tensor:
        """(N,) the number of the video that each snippet belongs to."""
        number = torch.arange(len(self), device=self.device)
        return torch.repeat_interleave(number, self.sizes, output_size=sum(self.lengths))

    @cached_property
    def is_first(self) -> torch.Tensor:
        """(N,) bool: the snippet opens its video."""
        first = torch.zeros(sum(self.lengths), dtype=torch.bool, device=self.device)
        first[self.starts] = True
        return first

    @cached_property
    def is_last(self) -> torch.Tensor:
        """(N,) bool: the snippet closes its video."""
        return self.is_first.roll(-1)

    def split(self, packed: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """A packed tensor -> one view per video."""
        return packed.split(self.lengths)


def group_sum(values: torch.Tensor, group: torch.Tensor, groups: int) -> torch.Tensor:
    """Sum rows by group: (N, ...) and (N,) -> (groups, ...)."""
    return values.new_zeros(groups, *values.shape[1:]).index_add(0, group, values)
