"""The snippet network: features -> class scores S, background score B and embedding.

docs/method.md, sections 2.1 and 2.4.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..layers.convolution import Convolution
from ..layers.dropout import Dropout
from ..layers.local_mean import local_mean
from ..layers.packing import Packing
from ..layers.scores import SnippetScores
from ..layers.standardize import Standardize
from ..utils.devices import send
from ..utils.errors import InputError
from . import memory
from .attention import AttentionBlock
from .settings import Settings

MOST_HEADS = 8  # where the settings do not say how many
LEAST_WIDTH = 32  # channels of the blocks: their LayerNorm makes a constant of one, and little more of a few


class SnippetModel(nn.Module):
    """Attention blocks over snippets and prototypes, a convolution of width 3, a classifier.

    classes: how many, C; width: channels of the features. The blocks' width D is the features', at least
    LEAST_WIDTH and at most `settings.width`; without the latter it is the features' as it is.
    """

    def __init__(self, classes: int, width: int, settings: Settings):
        super().__init__()
        self.settings = settings
        self.inputs = Standardize(width, standardize=settings.standardize, noise=settings.noise)
        self.project = nn.Identity()
        projected = width if settings.width is None else min(max(width, LEAST_WIDTH), settings.width)
        if settings.context:
            self.project = nn.Linear(width, 2 * projected)  # of the snippet, and of those about it
        elif projected != width:
            self.project = nn.Linear(width, projected)
        width = projected
        heads = attention_heads(width, settings.heads)
        self.register_buffer("prototypes", torch.zeros(classes, width))
        self.blocks = nn.ModuleList(
            AttentionBlock(width, heads, settings.hidden, settings.block_dropout, settings.attention_dropout)
            for _ in range(settings.blocks)
        )
        self.embed = Convolution(width, width)
        self.dropout = Dropout(settings.dropout)
        self.classifier = nn.Linear(width, classes + 1, bias=False)

    def forward(self, features: torch.Tensor, packing: Packing) -> SnippetScores:
        """Packed features (N, width) -> SnippetScores."""
        x = self.project(self.inputs(features))
        if self.settings.context:
            single, around = x.chunk(2, dim=1)
            x = single + local_mean(around, packing, self.settings.context)
        embedding = F.relu(self.embed(self.attend(x, packing), packing))
        logits = self.classifier(self.dropout(embedding))
        scores = torch.sigmoid(logits.to(features.dtype))  # bfloat16 would make 1 of what is nearly 1
        return SnippetScores(scores[:, :-1], scores[:, -1], embedding.to(features.dtype))

    def attend(self, features: torch.Tensor, packing: Packing) -> torch.Tensor:
        """The blocks, over the snippets of each video and the prototypes: (N, D) -> (N, D).

        With `attention_window`, over those of each part of a long video.
        """
        if not self.blocks:
            return features
        prototypes = memory.tokens(self.prototypes, self.settings.prototype_tokens)
        parts = windows(packing.lengths, self.settings.attention_window)
        snippets = np.split(np.arange(len(features)), np.cumsum(parts)[:-1])
        memories = np.arange(len(prototypes)) + len(features)
        rows = np.concatenate([rows for part in snippets for rows in (part, memories)])
        x = torch.cat([features, prototypes]).index_select(0, send(rows, packing.device))
        tokens = Packing([length + len(prototypes) for length in parts], packing.device)
        for block in self.blocks:
            x = block(x, tokens)
        return x.index_select(0, send(np.flatnonzero(rows < len(features)), packing.device))


def windows(lengths: list[int], most: int | None) -> list[int]:
    """The lengths of videos, those of more than `most` snippets as equal parts of at most so many."""
    if most is None:
        return lengths
    parts = [np.array_split(np.arange(length), math.ceil(length / most)) for length in lengths]
    return [len(part) for video in parts for part in video]


def attention_heads(width: int, heads: int | None) -> int:
    """The heads of the attention; None: the largest divisor of the width up to 8.

    Raises InputError where the heads do not divide the width.
    """
    divisors = [number for number in range(1, width + 1) if width % number == 0]
    if heads is None:
        return max(number for number in divisors if number <= MOST_HEADS)
    if heads not in divisors:
        raise InputError(
            f"configuration: stage1.heads: {heads} does not divide the {width} channels of the blocks; "
            f"use null or one of {', '.join(map(str, divisors[:8]))}"
        )
    return heads
