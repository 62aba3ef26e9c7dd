"""Optimizer, learning rate schedule and precision (docs/method.md, section 2.7)."""

import math

import torch

from ..utils.speed import Adam
from .settings import Optimization

WARMUP = 0.05  # share of the steps over which a cosine schedule's learning rate rises

Schedule = torch.optim.lr_scheduler.LambdaLR


def make_optimizer(
    model: torch.nn.Module, settings: Optimization, steps: int
) -> tuple[torch.optim.Optimizer, Schedule]:
    """Adam and its learning rate schedule over `steps` steps."""
    optimizer = Adam(
        model.parameters(),
        lr=settings.learning_rate,
        betas=tuple(settings.betas),
        weight_decay=settings.weight_decay,
        fused=True,
    )
    if settings.schedule == "constant":
        return optimizer, Schedule(optimizer, lambda step: 1.0)
    return optimizer, Schedule(optimizer, lambda step: warmup_cosine(step, steps))


def warmup_cosine(step: int, steps: int) -> float:
    """The share of the full learning rate at a step, from 0: a linear warmup times half a cosine (eq. 15)."""
    warmup = min(1.0, (step + 1) / (WARMUP * steps))
    return warmup * 0.5 * (1 + math.cos(math.pi * step / steps))


def gradient_norm(model: torch.nn.Module) -> torch.Tensor:
    """The norm of the gradients of all parameters, (); not finite where one of them is not."""
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    return torch.nn.utils.get_total_norm(gradients)


def autocast(settings: Optimization, device: torch.device) -> torch.autocast:
    """A context in which matrix products are in bfloat16, if the settings' precision says so."""
    return torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16")
