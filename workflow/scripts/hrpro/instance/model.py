"""The instance network: a proposal's vectors -> its completeness and the offsets of its ends."""

import torch
from torch import nn

from .. import config
from ..layers.dropout import Dropout
from ..layers.inputs import Inputs
from ..training import common as training
from . import roi
from .settings import Settings


class InstanceModel(nn.Module):
    """Completeness from [centre - start, centre, centre - end]; offsets from start and from end.

    width of the features, classes C; settings: `settings.Settings`. The features may have C + 1 channels
    more, the snippet scores P of stage 1. With `class_given` there are C outputs of each kind, else one.
    """

    def __init__(self, width: int, classes: int, settings):
        super().__init__()
        self.settings = settings
        self.inputs = Inputs(width, settings.standardize)
        channels = self.channels = width + (classes + 1) * settings.sees_scores
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
        seen = self.inputs(features)
        if self.settings.sees_scores:
            seen = torch.cat([seen, scores], dim=1)
        return roi.vectors(seen, proposals, self.settings.roi_bins, self.settings.roi_margin)

    def forward(self, vectors: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Vectors (M, 3, channels) and the proposals' classes (M,) -> completeness (M,) in (0, 1) and
        offsets (M, 2), in lengths of the proposal.
        """
        start, centre, end = self.project(vectors).unbind(1)
        completeness = self.completeness(torch.cat([centre - start, centre, centre - end], dim=1))
        outputs = [completeness, self.start_offset(start), self.end_offset(end)]
        if self.settings.class_given:
            own = [output.gather(1, labels.unsqueeze(1)).squeeze(1) for output in outputs]
        else:
            own = [output.squeeze(1) for output in outputs]
        own = [output.to(vectors.dtype) for output in own]  # not bfloat16, in which 1 is what is nearly 1
        return torch.sigmoid(own[0]), torch.stack(own[1:], dim=1)


def offset_head(width: int, half: int, outputs: int) -> nn.Module:
    """One vector (M, D) -> offsets (M, outputs)."""
    return nn.Sequential(nn.Linear(width, half), nn.ReLU(), nn.Linear(half, outputs))


def refine(proposals: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """[s + ds * length, e + de * length], all (M, 2) in snippets."""
    return proposals + offsets * (proposals[:, 1:] - proposals[:, :1])


@torch.no_grad()
def score(
    model: InstanceModel,
    features: torch.Tensor,
    scores: torch.Tensor,
    proposals: torch.Tensor,
    labels: torch.Tensor,
    clip: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What a trained model says of the proposals of one video.

    features (T, D), scores P (T, C + 1), proposals (M, 2) in snippets, their classes (M,) -> completeness
    (M,), refined proposals (M, 2) in snippets, and the completeness of the refined (M,). clip: keep
    refined ends inside the video; what was turned inside out then has no length (fault 11).
    """
    completeness, offsets = model(model.vectors(features, scores, proposals), labels)
    refined = refine(proposals, offsets)
    if clip:
        refined = refined.clamp(0, len(features))
        refined = torch.stack([refined[:, 0], refined.amax(1)], dim=1)
    refined_completeness, _ = model(model.vectors(features, scores, refined), labels)
    return completeness, refined, refined_completeness


def load(path, device) -> tuple[InstanceModel, list[str]]:
    """A stage-2 model, ready for use, and its classes."""
    content, facts = training.load(path)
    return build(content, facts, device), facts["classes"]


def build(content: dict, facts: dict, device) -> InstanceModel:
    """A stage-2 model, ready for use, of what its file holds (`training.load`)."""
    settings = config.from_json(Settings, content["settings"])
    model = InstanceModel(facts["width"], len(facts["classes"]), settings)
    model.load_state_dict(content["state"])
    return model.to(device).eval()
