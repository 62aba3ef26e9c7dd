"""The pyramid's losses (docs/method.md, section 16.4)."""

import torch
from torch.nn import functional as F

from .dataset import Batch
from .model import Outputs
from .settings import Settings


def focal(logits: torch.Tensor, target: torch.Tensor, *, power: float, share: float) -> torch.Tensor:
    """The focal loss of logits with targets of 0 and 1, elementwise (eq. 46)."""
    probability = torch.sigmoid(logits)
    distance = probability + target - 2 * probability * target
    weight = share * target + (1 - share) * (1 - target)
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return weight * distance**power * entropy


def distance_iou(offsets: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """1 - DIoU of segments about one cell, by the offsets (N, 2) of their ends: (N,) (eq. 47)."""
    shared = torch.minimum(offsets, target).sum(1)
    union = offsets.sum(1) + target.sum(1) - shared
    hull = torch.maximum(offsets, target).sum(1)
    apart = ((offsets[:, 1] - offsets[:, 0]) - (target[:, 1] - target[:, 0])) / 2
    return 1 - shared / union.clamp(min=1e-6) + (apart / hull.clamp(min=1e-6)) ** 2


def pyramid(outputs: Outputs, batch: Batch, settings: Settings) -> dict[str, torch.Tensor]:
    """Every loss of a batch, over all its cells: {name: ()}, the weighted sum as "total" (eqs. 46 and 47)."""
    targets = batch.targets
    counted = targets.counted * torch.cat(batch.cells.inside)
    entropy = focal(outputs.logits, targets.classes, power=settings.focal_power, share=settings.focal_share)
    weight = targets.weight  # no cells are picked by it: a GPU would wait for their number
    distance = distance_iou(outputs.offsets, targets.offsets)
    losses = {
        "classes": (entropy * counted).sum() / (weight > 0).sum().clamp(min=1),
        "regression": (distance * weight).sum() / weight.sum().clamp(min=1e-6),
    }
    weights = settings.loss_weights.model_dump()
    losses["total"] = sum(weights[name] * loss for name, loss in losses.items())
    return losses
