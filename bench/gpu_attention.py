"""Ways to attend within each video of a packed batch: milliseconds of a forward and a backward pass."""

from collections.abc import Callable
from functools import partial

import torch
from torch.nn import functional as F

import made
from gpu_run import WIDE, Check, Run
from gpu_steps import step_seconds
from hrpro.layers.packing import Packing
from hrpro.snippet.attention import attention, fused_attention

HEADS, VIDEOS = 8, 16
PROJECTED = 128  # channels of the default's block
CASES = ((PROJECTED, 0.0), (WIDE, 0.0), (WIDE, 0.1))  # channels, and share of weights dropped


def checks(run: Run) -> dict[str, Check]:
    """The checks, by name."""
    return {
        f"attention, {channels} channels, dropout {dropout}": partial(ways, run, channels, dropout)
        for channels, dropout in CASES
    }


def ways(run: Run, channels: int, dropout: float) -> dict:
    """Each way's milliseconds; in words why one fails."""
    channels = PROJECTED if run.quick else channels
    lengths = [length + made.CLASSES for length in made.lengths("train", 2 if run.quick else VIDEOS)]
    tokens = Packing(lengths, run.device)
    figures = {"tokens": sum(lengths), "longest": max(lengths)}
    for dtype in (torch.float32, torch.bfloat16):
        parts = [
            torch.randn(
                sum(lengths), HEADS, channels // HEADS, dtype=dtype, device=run.device, requires_grad=True
            )
            for _ in range(3)
        ]
        for name, way in WAYS.items():
            label = f"{name}, {str(dtype).removeprefix('torch.')}"
            try:
                call = partial(forward_and_backward, way, parts, tokens, dropout)
                figures[f"{label}, ms"] = 1000 * step_seconds(run, call, 2 if run.quick else 20)
            except (RuntimeError, NotImplementedError, TypeError) as error:
                figures[label] = f"fails: {str(error).splitlines()[0]}"
    return figures


def forward_and_backward(way: Callable, parts: list[torch.Tensor], tokens: Packing, dropout: float) -> None:
    """Attention and the gradients of a sum of it."""
    torch.autograd.grad(way(*parts, tokens, dropout).float().square().sum(), parts)


def per_video(q, k, v, tokens: Packing, dropout: float) -> torch.Tensor:
    """A call per video."""
    videos = [tokens.split(x.transpose(0, 1), dim=1) for x in (q, k, v)]
    attended = [attention(*video, dropout) for video in zip(*videos, strict=True)]
    return torch.cat([part.transpose(0, 1) for part in attended])


def padded(q, k, v, tokens: Packing, dropout: float) -> torch.Tensor:
    """One call on videos that are padded to the longest, with a mask."""
    q, k, v = (tokens.pad(x).transpose(1, 2) for x in (q, k, v))
    inside = torch.arange(max(tokens.lengths), device=tokens.device) < tokens.sizes.unsqueeze(1)
    attended = F.scaled_dot_product_attention(q, k, v, inside[:, None, None], dropout_p=dropout)
    rows = inside.flatten().nonzero().squeeze(1)
    return attended.transpose(1, 2).flatten(0, 1).index_select(0, rows)


WAYS = {"a call per video": per_video, "nested": fused_attention, "padded": padded}
