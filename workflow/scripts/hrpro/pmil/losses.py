"""P-MIL's losses, each a value per video, (B,) (docs/method.md, section 12.2)."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch.nn import functional as F

from ..layers.packing import Packing, group_sum
from ..layers.scores import top_mean
from .dataset import Batch
from .model import Outputs
from .settings import Settings

LEAST = -600.0  # exponent whose power of e is still a double above 0


class Pairs(NamedTuple):
    """The proposals of B videos beside each other, padded to the L of the video with the most."""

    tiou: torch.Tensor  # (B, L, L), 0 with a padding
    real: torch.Tensor  # (B, L) bool, False for a padding


def pairs_of(proposals: torch.Tensor, packing: Packing) -> Pairs:
    """The pairs of the proposals (M, 2), in snippets, of each video."""
    segments = packing.pad(proposals)  # a padding [0, 0] overlaps nothing
    start, end = segments.unbind(2)
    inside = torch.minimum(end.unsqueeze(2), end.unsqueeze(1)) - torch.maximum(
        start.unsqueeze(2), start.unsqueeze(1)
    )
    inside = inside.clamp(min=0)
    length = end - start
    union = length.unsqueeze(2) + length.unsqueeze(1) - inside
    return Pairs(inside / (union + 1e-6), packing.pad(torch.ones_like(proposals[:, 0])) > 0)


def multiple_instance(logits: torch.Tensor, target: torch.Tensor, packing: Packing, top: int) -> torch.Tensor:
    """Cross-entropy of the videos' logits, means of the largest of their proposals', with targets (eq. 32).

    logits (M, C + 1); target (B, C + 1), of 0 and 1, scaled here. -> (B,)
    """
    target = target / (target.sum(1, keepdim=True) + 1e-4)
    return -(target * F.log_softmax(top_mean(logits, packing, top), dim=1)).sum(1)


def divergence(student: torch.Tensor, teacher: torch.Tensor, packing: Packing, pairs: Pairs) -> torch.Tensor:
    """KL(q_i || p_i) of each proposal i and class, q and p being the softmax over those that overlap i.

    q of the teacher's logits (M, C), p of the student's. -> (B, L, C) float64, of no meaning at paddings.
    All sums over what overlaps are matrix products, so that nothing of size (B, L, L, C) is made.
    """
    student, teacher = (below_highest(logits, packing) for logits in (student, teacher))
    overlap = pairs.tiou > 0
    overlap = (overlap | torch.eye(overlap.shape[1], dtype=torch.bool, device=overlap.device)).double()
    powers = teacher.exp()
    parts = torch.cat([powers * (teacher - student), powers, student.exp()], dim=1)
    weighted, of_teacher, of_student = (overlap @ packing.pad(parts)).chunk(3, dim=2)
    real = pairs.real.unsqueeze(2)  # what fills up would have logarithms of 0
    of_teacher, of_student = (torch.where(real, part, 1.0) for part in (of_teacher, of_student))
    return weighted / of_teacher - of_teacher.log() + of_student.log()


def below_highest(logits: torch.Tensor, packing: Packing) -> torch.Tensor:
    """Logits (M, C) minus the highest of their video, as float64; what is below LEAST counts as LEAST."""
    highest = packing.pad(logits.detach(), -math.inf).amax(1)
    return (logits - highest[packing.video]).double().clamp(min=LEAST)


def counted(attention: torch.Tensor, packing: Packing) -> torch.Tensor:
    """Which proposals have an attention (M,) above the mean of their video's: (B, L) bool."""
    mean = group_sum(attention, packing.video, len(packing)) / packing.sizes
    return packing.pad(attention > mean[packing.video], False)


def consistency(own: Outputs, other: Outputs, batch: Batch, pairs: Pairs) -> torch.Tensor:
    """How differently a branch ranks overlapping proposals than the other one, which teaches it (eq. 33).

    The mean over the proposals that count by the other branch's attention and over the classes of the
    video, 0 without any. -> (B,)
    """
    rows = counted(other.attention, batch.packing).unsqueeze(2)
    of_class = divergence(own.classes[:, :-1], other.classes[:, :-1], batch.packing, pairs)
    of_class = torch.where(rows, of_class, 0.0).sum(1) / rows.sum(1).clamp(min=1)
    return (of_class * batch.present).sum(1).to(own.classes.dtype) / batch.present.sum(1).clamp(min=1)


def pseudo_instances(
    score: torch.Tensor, tiou: torch.Tensor, share: float
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The pseudo instances of K groups of the proposals of each video, the next one of each at a time.

    score (B, K, L), below 0 where a proposal is not of a group; tiou (B, L, L). Of the proposals with a score
    above `share` of the group's highest, the best is one, and those that it overlaps are none; then the best
    of the rest. -> its tIoU with every proposal of the video, (B, K, L), 0 throughout where the group has had
    none left; and its number, (B, K, 1).
    """
    left = (score > share * score.amax(2, keepdim=True)) & (score >= 0)
    while left.any():
        some = left.any(2, keepdim=True)
        best = score.masked_fill(~left, -1.0).argmax(2, keepdim=True)
        overlap = tiou.gather(1, best.expand(-1, -1, tiou.shape[2]))
        yield overlap * some, best
        left = (left & (overlap == 0)).scatter(2, best, False)  # one without length overlaps not even itself


def targets(other: Outputs, batch: Batch, pairs: Pairs, settings: Settings) -> torch.Tensor:
    """The best tIoU of each proposal with a pseudo instance of the other branch's attention: (B, L).

    With `pseudo_of: class`, with one of its own class: of the video's, the likeliest by the other branch.
    """
    group = torch.zeros_like(other.attention, dtype=torch.long)
    if settings.pseudo_of == "class":
        absent = batch.present[batch.packing.video] == 0
        group = other.classes[:, :-1].masked_fill(absent, -math.inf).argmax(1)
    member = batch.packing.pad(F.one_hot(group)).transpose(1, 2) > 0  # (B, K, L)
    score = torch.where(member, batch.packing.pad(other.attention).unsqueeze(1), -1.0)
    target = torch.zeros_like(score)
    for overlap, _ in pseudo_instances(score, pairs.tiou, settings.pseudo_share):
        target = torch.maximum(target, overlap)
    return (target * member).sum(1)


def completeness(
    own: Outputs, other: Outputs, batch: Batch, pairs: Pairs, settings: Settings
) -> torch.Tensor:
    """The mean squared error of a branch's completeness, which the other one teaches (eq. 34). -> (B,)"""
    error = (batch.packing.pad(own.completeness) - targets(other, batch, pairs, settings)) ** 2
    return torch.where(pairs.real, error, 0.0).sum(1) / batch.packing.sizes


def of_branch(
    own: Outputs, other: Outputs, batch: Batch, pairs: Pairs, settings: Settings
) -> dict[str, torch.Tensor]:
    """The losses of one branch, which the other one teaches: {name: (B,)}."""
    other = Outputs(*(part.detach() for part in other))
    suppressed = own.classes * own.attention.unsqueeze(1)
    with_background, without = (F.pad(batch.present, (0, 1), value=value) for value in (1.0, 0.0))
    top = settings.video_top
    return {
        "original": multiple_instance(own.classes, with_background, batch.packing, top),
        "suppressed": multiple_instance(suppressed, without, batch.packing, top),
        "consistency": consistency(own, other, batch, pairs),
        "completeness": completeness(own, other, batch, pairs, settings),
    }


def pmil(outputs: Outputs, batch: Batch, ramp: float, settings: Settings) -> dict[str, torch.Tensor]:
    """Every loss of a batch, in the mean of both branches: {name: (B,)}, with the weighted sum as "total".

    ramp: the share of their weight that consistency and completeness have at this step.
    """
    pairs = pairs_of(batch.proposals, batch.packing)
    first, second = (Outputs(*(part[branch] for part in outputs)) for branch in (0, 1))
    of_first = of_branch(first, second, batch, pairs, settings)
    of_second = of_branch(second, first, batch, pairs, settings)
    losses = {name: (of_first[name] + of_second[name]) / 2 for name in of_first}
    weights = settings.loss_weights
    ramped = weights.consistency * losses["consistency"] + weights.completeness * losses["completeness"]
    losses["total"] = (
        weights.original * losses["original"] + weights.suppressed * losses["suppressed"] + ramp * ramped
    )
    return losses
