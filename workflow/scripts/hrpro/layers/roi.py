"""RoIAlign over time: the features of a proposal in a fixed number of bins (docs/method.md, section 5.1)."""

import torch

# Values of the bins of a block of proposals, in float32: on a CPU 4 MB, what a cache holds; elsewhere 256 MB,
# for calls cost more there.
CPU_BLOCK, BLOCK = 2**20, 2**26


def align(
    features: torch.Tensor, proposals: torch.Tensor, *, bins: int, margin: float, centred: bool = False
) -> torch.Tensor:
    """The features of proposals, widened by `margin` of their length on both sides, in bins.

    features (T, D); proposals (M, 2) in snippets -> (M, bins, D). A snippet's features stand at its
    centre (at i + 0.5) and are interpolated linearly, with zeros outside the video; a bin is the mean
    of ceil(bin size) samples; a widened proposal is at least one snippet long: about its centre or, as
    released, from its start on (fault 22).
    """
    weights = sample_weights(proposals, len(features), bins=bins, margin=margin, centred=centred)
    return torch.sparse.mm(weights.to(features.dtype), features).reshape(
        len(proposals), bins, features.shape[1]
    )


def sample_weights(
    proposals: torch.Tensor, length: int, *, bins: int, margin: float, centred: bool = False
) -> torch.Tensor:
    """The weight of each snippet in each bin: sparse (M * bins, T), rows proposal by proposal (eq. 19)."""
    proposals = proposals.double()
    wider = margin * (proposals[:, 1] - proposals[:, 0])
    start = proposals[:, 0] - wider - 0.5
    whole = proposals[:, 1] + wider - 0.5 - start
    size = whole.clamp(min=1) / bins
    if centred:
        start = start - (1 - whole).clamp(min=0) / 2
    samples = torch.ceil(size).long()

    row = torch.arange(len(proposals) * bins, device=proposals.device)
    row = row.repeat_interleave(samples.repeat_interleave(bins))
    owner, bin_ = row // bins, row % bins
    before = bins * (samples.cumsum(0) - samples)
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
    size = (len(proposals) * bins, length)
    return torch.sparse_coo_tensor(index, value[inside], size, check_invariants=False)


def vectors(
    features: torch.Tensor, proposals: torch.Tensor, *, bins: int, margin: float, centred: bool = False
) -> torch.Tensor:
    """The start, centre and end vector of each proposal, maxima over its bins: (M, 3, D).

    The first and the last sixth of the bins are the start and the end. Block by block, for the bins of a
    long video's thousands of proposals would take gigabytes.
    """
    sixth = bins // 6
    size = CPU_BLOCK if features.device.type == "cpu" else BLOCK
    blocks = []
    for block in proposals.split(max(1, size // (bins * features.shape[1]))):
        parts = align(features, block, bins=bins, margin=margin, centred=centred)
        parts = parts.split([sixth, bins - 2 * sixth, sixth], dim=1)
        blocks.append(torch.stack([part.amax(1) for part in parts], dim=1))
    return torch.cat(blocks)
