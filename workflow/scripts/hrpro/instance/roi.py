"""RoIAlign over time: the features of a proposal at a fixed number of bins."""

import torch

BINS = 12
# The bins whose maxima stand for the start, the centre and the end of a widened proposal.
START, CENTRE, END = slice(0, 2), slice(2, 10), slice(10, 12)
MARGIN = 0.25


def align(features: torch.Tensor, proposals: torch.Tensor) -> torch.Tensor:
    """The features of proposals, widened by a quarter of their length on both sides, in 12 bins.

    features (T, D); proposals (M, 2) in snippets -> (M, 12, D). A snippet's features stand at its
    centre (at i + 0.5) and are interpolated linearly, with zeros outside the video; a bin is the mean
    of ceil(bin size) samples; a widened proposal is at least one snippet long.
    """
    weights = sample_weights(proposals, len(features)).to(features.dtype)
    return torch.sparse.mm(weights, features).reshape(len(proposals), BINS, -1)


def sample_weights(proposals: torch.Tensor, length: int) -> torch.Tensor:
    """The weight of each snippet in each bin: sparse (M * 12, T), rows proposal by proposal."""
    proposals = proposals.double()
    margin = MARGIN * (proposals[:, 1] - proposals[:, 0])
    start = proposals[:, 0] - margin - 0.5
    size = (proposals[:, 1] + margin - 0.5 - start).clamp(min=1) / BINS
    samples = torch.ceil(size).long()

    row = torch.arange(len(proposals) * BINS, device=proposals.device)
    row = row.repeat_interleave(samples.repeat_interleave(BINS))
    owner, bin_ = row // BINS, row % BINS
    before = BINS * (samples.cumsum(0) - samples)
    within = (
        torch.arange(len(row), device=row.device, dtype=torch.float64) - before[owner] - bin_ * samples[owner]
    )
    position = start[owner] + size[owner] * (bin_ + (within + 0.5) / samples[owner])
    left = position.floor()
    right_weight = position - left

    column = torch.cat([left, left + 1]).long()
    value = torch.cat([1 - right_weight, right_weight]) / samples[owner].repeat(2)
    inside = (column >= 0) & (column < length)
    index = torch.stack([row.repeat(2)[inside], column[inside]])
    size = (len(proposals) * BINS, length)
    return torch.sparse_coo_tensor(index, value[inside], size, check_invariants=False)


def vectors(features: torch.Tensor, proposals: torch.Tensor) -> torch.Tensor:
    """Start, centre and end vector of each proposal, maxima over their bins: (M, 3, D)."""
    bins = align(features, proposals)
    return torch.stack([bins[:, part].amax(1) for part in (START, CENTRE, END)], dim=1)
