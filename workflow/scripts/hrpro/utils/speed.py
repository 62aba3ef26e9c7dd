"""What is here for speed alone; the method is the same without it.

What each buys, and the slow version that the tests hold it against:

- `keep_memory`: a seventh of a stage-1 step with 2048 channels. It changes no number.
- `Adam`: 1.5 s of a training's start. torch's Adam, bit for bit (tests/test_training.py).
- `draw_mask` and `FastDropout`: 8 % of a stage-1 step with 256 channels on one thread. x times the mask,
  and the mask's statistics (tests/test_dropout.py).
- `DropoutAttention`: the memory of several L x L matrices per head, and the drawing of a mask as above.
  softmax(q k^T / sqrt(d)) times the same mask (tests/test_attention.py).

- `packed_attention`: 3.5 ms of a stage-1 step of 16 videos on an H100. Attention of one video after the
  other (on the meta device tests/test_devices.py, on a GPU `make gpu-check`).

Adam is for any device, packed_attention for GPUs, all else for the CPU. docs/performance.md says how and
where the figures were measured.
"""

import ctypes
import inspect
import math
from collections.abc import Iterator

import torch
from torch.nn import functional as F

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h
ROWS = 256  # of an attention matrix that are computed at a time; a multiple of the 4 weights per draw


def keep_memory() -> bool:
    """Have glibc keep freed memory for the next tensors until the process ends; -> whether it does.

    Otherwise the system clears each page that it hands out anew.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, -1))


class Adam(torch.optim.Adam):
    """torch's Adam without its decorators for compiled training, whose first call imports torch._dynamo."""

    add_param_group = inspect.unwrap(torch.optim.Adam.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Adam.zero_grad)
    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))


def draw_mask(shape, dropout: float, dtype: torch.dtype, generator=None) -> torch.Tensor:
    """A dropout mask on the CPU: 1 with probability 1 - dropout (to 2^-16), else 0.

    One draw of 64 bits serves four numbers; torch takes a draw for each.
    """
    count = math.prod(shape)
    words = torch.empty((count + 3) // 4, dtype=torch.int64)
    words.random_(-(2**63), None, generator=generator)
    draws = words.view(torch.int16)[:count].view(shape)
    return torch.ge(draws, int(dropout * 2**16) - 2**15, out=torch.empty(shape, dtype=dtype))


class FastDropout(torch.autograd.Function):
    """Dropout on the CPU whose backward pass draws the mask again, so that none is kept."""

    @staticmethod
    def forward(ctx, x, dropout):
        """x with a share `dropout` set to 0 and the rest divided by 1 - dropout."""
        ctx.dropout, ctx.rng_state = dropout, torch.get_rng_state()
        return draw_mask(x.shape, dropout, x.dtype).mul_(1 / (1 - dropout)).mul_(x)

    @staticmethod
    def backward(ctx, gradient):
        """The gradient to x."""
        generator = torch.Generator().set_state(ctx.rng_state)
        mask = draw_mask(gradient.shape, ctx.dropout, gradient.dtype, generator)
        return mask.mul_(1 / (1 - ctx.dropout)).mul_(gradient), None


class DropoutAttention(torch.autograd.Function):
    """drop(softmax(q k^T / sqrt(d))) v on the CPU, some rows of a head at a time.

    torch's own kernel keeps several L x L matrices per head and draws its mask a number at a time. Here
    the backward pass computes the weights and draws the mask again, so that no L x L matrix is kept.
    """

    @staticmethod
    def forward(ctx, q, k, v, dropout):
        """(H, L, d) x 3 -> (H, L, d)."""
        ctx.save_for_backward(q, k, v)
        ctx.dropout, ctx.rng_state = dropout, torch.get_rng_state()
        out = torch.empty_like(v)
        for head, rows in row_blocks(*v.shape[:2]):
            weight = attention_weights(q[head, rows], k[head])
            mask = draw_mask(weight.shape, dropout, v.dtype)
            out[head, rows] = weight.mul_(mask) @ v[head]
        return out.mul_(1 / (1 - dropout))

    @staticmethod
    def backward(ctx, gradient):
        """Gradients to q, k and v."""
        q, k, v = ctx.saved_tensors
        generator = torch.Generator().set_state(ctx.rng_state)
        gradient = gradient / (1 - ctx.dropout)
        to_q, to_k, to_v = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        for head, rows in row_blocks(*v.shape[:2]):
            weight = attention_weights(q[head, rows], k[head])
            mask = draw_mask(weight.shape, ctx.dropout, v.dtype, generator)
            to_weight = (gradient[head, rows] @ v[head].T).mul_(mask)
            to_v[head] += (weight * mask).T @ gradient[head, rows]
            mean = (to_weight * weight).sum(1, keepdim=True)
            to_score = to_weight.sub_(mean).mul_(weight).mul_(q.shape[2] ** -0.5)
            to_q[head, rows] = to_score @ k[head]
            to_k[head] += to_score.T @ q[head, rows]
        return to_q, to_k, to_v, None


def row_blocks(heads: int, length: int) -> Iterator[tuple[int, slice]]:
    """Every head's rows, ROWS at a time."""
    for head in range(heads):
        for first in range(0, length, ROWS):
            yield head, slice(first, first + ROWS)


def attention_weights(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """softmax(q k^T / sqrt(d)) of some rows of one head: (R, d), (L, d) -> (R, L)."""
    return torch.softmax((q * q.shape[1] ** -0.5) @ k.T, dim=1)


def packed_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, offsets: torch.Tensor, longest: int, dropout: float
) -> torch.Tensor:
    """drop(softmax(q k^T / sqrt(d))) v of all videos of a batch in one call: (N, H, d) x 3 -> (N, H, d).

    offsets (B + 1,): where each video starts, and N. It is the operator below torch's nested tensors, whose
    own bookkeeping on the host takes 18 ms where this takes 1.1 (H100, 16 videos, forward and backward).
    """
    width = q.shape[2]
    if padding := -width % 8:  # the kernels take multiples of 8, and divide by the root of what they see
        q, k, v = (F.pad(x, (0, padding)) for x in (q * ((width + padding) / width) ** 0.5, k, v))
    q, k, v = (x.unsqueeze(0) for x in (q, k, v))
    starts = offsets.int()
    out, *_ = torch.ops.aten._efficient_attention_forward(
        q, k, v, None, starts, starts, longest, longest, dropout, 0, True
    )
    return out[0, :, :, :width]
