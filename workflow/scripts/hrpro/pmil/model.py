"""P-MIL's network: a proposal's vectors -> its classes, attention and completeness (docs/method.md, 12.1)."""

from itertools import accumulate, pairwise
from typing import NamedTuple

import torch
from torch import nn

from ..data.features import require_streams
from ..layers import roi
from ..layers.dropout import Dropout
from ..layers.standardize import Standardize
from .settings import Settings


class Outputs(NamedTuple):
    """What a branch says of M proposals or, with a first axis of 2, what both do."""

    classes: torch.Tensor  # ([2,] M, C + 1), logits, the last of background
    attention: torch.Tensor  # ([2,] M), in (0, 1)
    completeness: torch.Tensor  # ([2,] M), in (0, 1)


class Branch(nn.Module):
    """One of the two networks that teach each other, on features of `width` channels."""

    def __init__(self, classes: int, width: int, settings: Settings):
        super().__init__()
        self.project = nn.Identity()
        if settings.width is not None:
            self.project = nn.Sequential(Dropout(settings.input_dropout), nn.Linear(width, settings.width))
            width = settings.width
        self.fusion = nn.Sequential(nn.Linear(3 * width, width), nn.ReLU(), Dropout(settings.dropout))
        self.classes = head(width, classes + 1)
        self.attention = head(width, 1)
        self.completeness = head(width, 1)

    def forward(self, vectors: torch.Tensor) -> Outputs:
        """Vectors (M, 3, width) -> Outputs of this branch."""
        start, centre, end = self.project(vectors).unbind(1)
        x = self.fusion(torch.cat([centre - start, centre, centre - end], dim=1))
        # not in bfloat16, whose sigmoid rounds what is nearly 1 to 1
        outputs = (part(x).to(vectors.dtype) for part in (self.classes, self.attention, self.completeness))
        classes, attention, completeness = outputs
        return Outputs(classes, torch.sigmoid(attention.squeeze(1)), torch.sigmoid(completeness.squeeze(1)))


def head(width: int, outputs: int) -> nn.Module:
    """(M, width) -> (M, outputs)."""
    half = max(1, width // 2)
    return nn.Sequential(nn.Linear(width, half), nn.ReLU(), nn.Linear(half, outputs))


class PmilModel(nn.Module):
    """Two branches: one for each stream of the features or, where no streams are known, two for them all.

    classes: how many, C; width: channels of the features. Raises InputError where the settings' streams are
    no division of them.
    """

    def __init__(self, classes: int, width: int, settings: Settings):
        super().__init__()
        self.settings = settings
        self.inputs = Standardize(width, standardize=settings.standardize)
        self.channels = width
        require_streams(settings.streams, width)
        ends = pairwise([0, *accumulate(settings.streams)]) if settings.streams else [(0, width)] * 2
        self.parts = [slice(start, end) for start, end in ends]
        self.branches = nn.ModuleList(
            Branch(classes, part.stop - part.start, settings) for part in self.parts
        )

    def vectors(self, features: torch.Tensor, proposals: torch.Tensor) -> torch.Tensor:
        """Start, centre and end vectors of proposals (M, 2), in snippets, of one video: (M, 3, width).

        features (T, width).
        """
        settings = self.settings
        return roi.vectors(
            self.inputs(features),
            proposals,
            bins=settings.roi_bins,
            margin=settings.roi_margin,
            centred=settings.roi_short == "centred",
        )

    def forward(self, vectors: torch.Tensor) -> Outputs:
        """Vectors (M, 3, width) -> Outputs of both branches."""
        outputs = [branch(vectors[..., part]) for branch, part in zip(self.branches, self.parts, strict=True)]
        return Outputs(*(torch.stack(part) for part in zip(*outputs, strict=True)))
