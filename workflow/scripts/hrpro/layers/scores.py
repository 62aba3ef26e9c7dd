"""What a network says of snippets and of videos (docs/method.md, section 2.4)."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from .packing import Packing, group_sum


class SnippetScores(NamedTuple):
    """The network's output on N packed snippets; scores lie in (0, 1)."""

    classes: torch.Tensor  # S, (N, C)
    background: torch.Tensor  # B, (N,)
    embedding: torch.Tensor  # (N, D)

    @property
    def fused(self) -> torch.Tensor:
        """P = [S (1 - B), B], (N, C + 1)."""
        background = self.background.unsqueeze(1)
        return torch.cat([self.classes * (1 - background), background], dim=1)


def top_mean(values: torch.Tensor, packing: Packing, top: int) -> torch.Tensor:
    """The mean of the k = max(1, floor(T / top)) largest values (N, C) in each video: (B, C)."""
    counts = (packing.sizes // top).clamp(min=1).unsqueeze(1)
    most = max(1, max(packing.lengths) // top)
    largest = packing.pad(values, -math.inf).topk(most, dim=1).values  # (B, most, C)
    surplus = torch.arange(most, device=packing.device) >= counts  # (B, most)
    return largest.masked_fill(surplus.unsqueeze(2), 0.0).sum(1) / counts


def video_scores(
    class_scores: torch.Tensor, packing: Packing, top: int, present: torch.Tensor | None = None
) -> torch.Tensor:
    """The score of each class in each video: the mean of its k = max(1, floor(T / top)) largest S (eq. 8).

    class_scores: S (N, C). present (B, C), of 0 and 1, in training: the classes that a video has a point
    of; the others score the plain mean of S. -> (B, C)
    """
    largest = top_mean(class_scores, packing, top)
    if present is None:
        return largest
    mean = group_sum(class_scores, packing.video, len(packing)) / packing.sizes.unsqueeze(1)
    return torch.where(present > 0, largest, mean)


@torch.no_grad()
def score_video(model: nn.Module, features: np.ndarray, top: int) -> list[np.ndarray]:
    """S (T, C), B (T,) and the video scores (C,) of a video by its features (T, D)."""
    device = next(model.parameters()).device
    packing = Packing([len(features)], device)
    scores = model(torch.from_numpy(features).to(device), packing)
    [video] = video_scores(scores.classes, packing, top)
    return [part.cpu().numpy() for part in (scores.classes, scores.background, video)]
