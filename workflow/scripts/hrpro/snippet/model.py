"""The snippet network: features -> class scores S, background score B and embedding."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from .. import config
from ..layers.dropout import Dropout
from ..layers.inputs import Inputs
from ..layers.packing import Packing
from ..training import common as training
from ..utils.errors import InputError
from . import memory
from .attention import AttentionBlock
from .settings import Settings

LARGEST_HEADS = 8


@dataclass
class SnippetScores:
    """What the network says of N packed snippets, all in (0, 1) but the embedding."""

    classes: torch.Tensor  # S, (N, C)
    background: torch.Tensor  # B, (N,)
    embedding: torch.Tensor  # (N, D)

    @property
    def fused(self) -> torch.Tensor:
        """P = [S * (1 - B), B], (N, C + 1)."""
        background = self.background.unsqueeze(1)
        return torch.cat([self.classes * (1 - background), background], dim=1)


class SnippetModel(nn.Module):
    """Attention blocks over snippets and prototypes, a width-3 convolution, a classifier.

    classes C, width of the features; settings: `settings.Settings`. The blocks' width D is the features'
    or, where the settings ask for fewer channels, theirs.
    """

    def __init__(self, classes: int, width: int, settings):
        super().__init__()
        self.settings = settings
        self.inputs = Inputs(width, settings.standardize, settings.noise)
        projected = settings.width is not None and settings.width < width
        self.project = nn.Linear(width, settings.width) if projected else nn.Identity()
        width = settings.width if projected else width
        heads = attention_heads(width, settings.heads)
        self.register_buffer("prototypes", torch.zeros(classes, width))
        self.blocks = nn.ModuleList(
            AttentionBlock(width, heads, settings.hidden, settings.block_dropout, settings.attention_dropout)
            for _ in range(settings.blocks)
        )
        self.embed = nn.Conv1d(width, width, kernel_size=3, padding=1)
        self.dropout = Dropout(settings.dropout)
        self.classifier = nn.Linear(width, classes + 1, bias=False)

    def forward(self, features: torch.Tensor, packing: Packing) -> SnippetScores:
        """features (N, their width), packed -> SnippetScores."""
        x = self.project(self.inputs(features))
        embedding = F.relu(self.convolve(self.attend(x, packing), packing))
        logits = self.classifier(self.dropout(embedding))
        scores = torch.sigmoid(logits.to(features.dtype))  # bfloat16 would make 1 of what is nearly 1
        return SnippetScores(scores[:, :-1], scores[:, -1], embedding.to(features.dtype))

    def attend(self, features: torch.Tensor, packing: Packing) -> torch.Tensor:
        """The blocks, over each video's snippets and the prototypes: (N, D) -> (N, D)."""
        if not self.blocks:
            return features
        prototypes = memory.tokens(self.prototypes, self.settings.prototype_tokens)
        classes = len(prototypes)
        x = torch.cat([part for video in packing.split(features) for part in (video, prototypes)])
        lengths = [length + classes for length in packing.lengths]
        for block in self.blocks:
            x = block(x, lengths)
        return torch.cat([tokens[:-classes] for tokens in x.split(lengths)])

    def convolve(self, x: torch.Tensor, packing: Packing) -> torch.Tensor:
        """The width-3 convolution, zeros outside each video: (N, D) -> (N, D).

        The taps' products are shifted, not what they are taken of: three copies of x need not be kept.
        """
        weight = self.embed.weight.permute(2, 0, 1).flatten(0, 1)  # (3 D, D): taps before, at, after
        bias = F.pad(self.embed.bias, (x.shape[1], x.shape[1]))
        before, at, after = F.linear(x, weight, bias).chunk(3, dim=1)
        before = before.roll(1, 0).masked_fill(packing.is_first.unsqueeze(1), 0)
        return before + at + after.roll(-1, 0).masked_fill(packing.is_last.unsqueeze(1), 0)


def video_scores(
    classes: torch.Tensor, packing: Packing, top: int, present: torch.Tensor | None = None
) -> torch.Tensor:
    """The score of each class in each video: the mean of its k = max(1, floor(T / top)) largest S.

    classes: S (N, C). In training `present` (B, C), of 0 and 1, says which classes the video has;
    an absent class scores the plain mean of S instead. -> (B, C)
    """
    largest = torch.stack(
        [s.topk(max(1, len(s) // top), dim=0).values.mean(0) for s in packing.split(classes)]
    )
    if present is None:
        return largest
    mean = torch.stack([s.mean(0) for s in packing.split(classes)])
    return torch.where(present > 0, largest, mean)


def attention_heads(width: int, given: int | None) -> int:
    """The heads of the attention: as given, or the largest divisor of the width up to 8."""
    divisors = [heads for heads in range(1, width + 1) if width % heads == 0]
    if given is None:
        return max(heads for heads in divisors if heads <= LARGEST_HEADS)
    if given not in divisors:
        raise InputError(
            f"configuration: stage1.heads: {given} does not divide the {width} channels of the blocks; "
            f"use null or one of {', '.join(map(str, divisors[:8]))}"
        )
    return given


def load(path, device) -> tuple[SnippetModel, list[str]]:
    """A stage-1 model, ready for use, and its classes."""
    content, facts = training.load(path)
    return build(content, facts, device), facts["classes"]


def build(content: dict, facts: dict, device) -> SnippetModel:
    """A stage-1 model, ready for use, of what its file holds (`training.load`)."""
    settings = config.from_json(Settings, content["settings"])
    model = SnippetModel(len(facts["classes"]), facts["width"], settings)
    model.load_state_dict(content["state"])
    return model.to(device).eval()
