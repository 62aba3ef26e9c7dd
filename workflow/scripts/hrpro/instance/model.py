"""The instance network: a proposal's vectors -> its completeness and the offsets of its ends.

docs/method.md, section 5.2.
"""

from typing import NamedTuple

import torch
from torch import nn

from ..layers import roi
from ..layers.dropout import Dropout
from ..layers.standardize import Standardize
from .settings import Settings


class InstanceModel(nn.Module):
    """Completeness from [centre - start, centre, centre - end]; offsets from start and from end.

    classes: how many, C; width: channels of the features. With `sees_scores` the C + 1 snippet scores P of
    stage 1 join the features; with `class_given` there are C outputs of each kind, else one.
    """

    def __init__(self, classes: int, width: int, settings: Settings):
        super().__init__()
        self.settings = settings
        self.inputs = Standardize(width, standardize=settings.standardize)
        channels = width + classes + 1 if settings.sees_scores else width
        self.channels = channels
        self.project = nn.Identity()
        if settings.width is not None:
            self.project = nn.Sequential(Dropout(settings.input_dropout), nn.Linear(channels, settings.width))
            channels = settings.width
        half = channels // 2
        outputs = classes if settings.class_given else 1
        self.completeness = nn.Sequential(
            nn.Linear(3 * channels, channels),
            nn.ReLU(),
            Dropout(settings.dropout),
            nn.Linear(channels, half),
            nn.ReLU(),
            nn.Linear(half, outputs),
        )
        self.start_offset = offset_head(channels, half, outputs)
        self.end_offset = offset_head(channels, half, outputs)

    def vectors(self, features: torch.Tensor, scores: torch.Tensor, proposals: torch.Tensor) -> torch.Tensor:
        """Start, centre and end vectors of proposals (M, 2), in snippets, of one video: (M, 3, channels).

        features (T, width); scores: P (T, C + 1).
        """
        x = self.inputs(features)
        if self.settings.sees_scores:
            x = torch.cat([x, scores], dim=1)
        return roi.vectors(x, proposals, bins=self.settings.roi_bins, margin=self.settings.roi_margin)

    def forward(self, vectors: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Vectors (M, 3, channels) and the proposals' classes (M,) -> completeness (M,) in (0, 1) and
        offsets (M, 2), in lengths of the proposal.
        """
        start, centre, end = self.project(vectors).unbind(1)
        completeness = self.completeness(torch.cat([centre - start, centre, centre - end], dim=1))
        outputs = [completeness, self.start_offset(start), self.end_offset(end)]
        if self.settings.class_given:
            outputs = [output.gather(1, labels.unsqueeze(1)) for output in outputs]
        # not in bfloat16, whose sigmoid rounds what is nearly 1 to 1
        completeness, start, end = (output.squeeze(1).to(vectors.dtype) for output in outputs)
        return torch.sigmoid(completeness), torch.stack([start, end], dim=1)


def offset_head(width: int, half: int, outputs: int) -> nn.Module:
    """One vector (M, D) -> offsets (M, outputs)."""
    return nn.Sequential(nn.Linear(width, half), nn.ReLU(), nn.Linear(half, outputs))


def refine(proposals: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """The proposals (M, 2), in snippets, with both ends moved by offsets (M, 2) of their length (eq. 21)."""
    return proposals + offsets * (proposals[:, 1:] - proposals[:, :1])


class ProposalScores(NamedTuple):
    """What a trained model says of M proposals."""

    completeness: torch.Tensor  # (M,)
    refined: torch.Tensor  # (M, 2), in snippets
    refined_completeness: torch.Tensor  # (M,), of the refined proposals


@torch.no_grad()
def score(
    model: InstanceModel,
    features: torch.Tensor,
    scores: torch.Tensor,
    *,
    proposals: torch.Tensor,
    labels: torch.Tensor,
    clip: bool,
) -> ProposalScores:
    """Score the proposals of one video.

    features (T, D), scores P (T, C + 1), proposals (M, 2) in snippets, their classes (M,). clip: keep
    refined ends inside the video; what was turned inside out then has length 0 (fault 11).
    """
    completeness, offsets = model(model.vectors(features, scores, proposals), labels)
    refined = refine(proposals, offsets)
    if clip:
        refined = refined.clamp(0, len(features))
        refined = torch.stack([refined[:, 0], refined.amax(1)], dim=1)
    refined_completeness, _ = model(model.vectors(features, scores, refined), labels)
    return ProposalScores(completeness, refined, refined_completeness)
