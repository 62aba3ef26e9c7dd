"""LACP's network: features -> S, B and embedding of each snippet (docs/method.md, section 11.1)."""

import torch
from torch import nn
from torch.nn import functional as F

from ..layers.convolution import Convolution
from ..layers.dropout import Dropout
from ..layers.packing import Packing
from ..layers.scores import SnippetScores
from ..layers.standardize import Standardize
from .settings import Settings


class LacpModel(nn.Module):
    """A convolution of width 3 and a classifier.

    classes: how many, C; width: channels of the features.
    """

    def __init__(self, classes: int, width: int, settings: Settings):
        super().__init__()
        self.settings = settings
        self.inputs = Standardize(width, standardize=settings.standardize)
        self.embed = Convolution(width, settings.hidden)
        self.dropout = Dropout(settings.dropout)
        self.classifier = nn.Linear(settings.hidden, classes + 1, bias=False)

    def forward(self, features: torch.Tensor, packing: Packing) -> SnippetScores:
        """Packed features (N, width) -> SnippetScores; the embedding has no dropout."""
        embedding = F.relu(self.embed(self.inputs(features), packing))
        logits = self.classifier(self.dropout(embedding))
        scores = torch.sigmoid(logits.to(features.dtype))  # bfloat16 would make 1 of what is nearly 1
        return SnippetScores(scores[:, :-1], scores[:, -1], embedding.to(features.dtype))
