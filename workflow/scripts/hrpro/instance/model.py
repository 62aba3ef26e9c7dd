"""The instance network: a proposal's vectors -> its completeness and the offsets of its ends."""

import torch
from torch import nn

from .. import config, training
from . import roi


class InstanceModel(nn.Module):
    """Completeness from [centre - start, centre, centre - end]; offsets from start and from end.

    width D of the features; settings: `config.Stage2`.
    """

    def __init__(self, width: int, settings):
        super().__init__()
        self.settings = settings
        half = width // 2
        self.completeness = nn.Sequential(
            nn.Linear(3 * width, width),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(width, half),
            nn.ReLU(),
            nn.Linear(half, 1),
            nn.Sigmoid(),
            nn.Flatten(0),
        )
        self.start_offset = offset_head(width, half)
        self.end_offset = offset_head(width, half)

    def forward(self, vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Start, centre and end vectors (M, 3, D) -> completeness (M,) in (0, 1), offsets (M, 2).

        Offsets are in lengths of the proposal.
        """
        start, centre, end = vectors.unbind(1)
        completeness = self.completeness(torch.cat([centre - start, centre, centre - end], dim=1))
        return completeness, torch.stack([self.start_offset(start), self.end_offset(end)], dim=1)


def offset_head(width: int, half: int) -> nn.Module:
    """One vector (M, D) -> one offset (M,)."""
    return nn.Sequential(nn.Linear(width, half), nn.ReLU(), nn.Linear(half, 1), nn.Flatten(0))


def refine(proposals: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """[s + ds * length, e + de * length], all (M, 2) in snippets."""
    return proposals + offsets * (proposals[:, 1:] - proposals[:, :1])


@torch.no_grad()
def score(
    model: InstanceModel, features: torch.Tensor, proposals: torch.Tensor, clip: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What a trained model says of the proposals of one video.

    features (T, D), proposals (M, 2) in snippets -> completeness (M,), refined proposals (M, 2) in
    snippets, and the completeness of the refined (M,). clip: keep refined ends inside the video;
    what was turned inside out then has no length (fault 11).
    """
    bins, margin = model.settings.roi_bins, model.settings.roi_margin
    completeness, offsets = model(roi.vectors(features, proposals, bins, margin))
    refined = refine(proposals, offsets)
    if clip:
        refined = refined.clamp(0, len(features))
        refined = torch.stack([refined[:, 0], refined.amax(1)], dim=1)
    refined_completeness, _ = model(roi.vectors(features, refined, bins, margin))
    return completeness, refined, refined_completeness


def load(path, device) -> tuple[InstanceModel, list[str]]:
    """A stage-2 model, ready for use, and its classes."""
    content, facts = training.load(path)
    model = InstanceModel(facts["width"], config.from_json(config.Stage2, content["settings"]))
    model.load_state_dict(content["state"])
    return model.to(device).eval(), facts["classes"]
