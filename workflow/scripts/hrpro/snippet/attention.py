"""The reliability-aware attention block over the tokens [snippets; prototypes] of each video."""

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional as F

from ..layers.dropout import Dropout, keep

ROWS = 256  # of an attention matrix that are computed at a time; a multiple of the 4 weights of a draw


class AttentionBlock(nn.Module):
    """One block (method.md, stage 1): q = Wq x, k = Wk x, v = x, multi-head attention inside a video,
    then x <- LN(x + drop(attention)) and x <- LN(x + drop(W2 drop(relu(W1 x)))).

    width D is divided by heads; hidden is the width between W1 and W2.
    """

    def __init__(self, width: int, heads: int, hidden: int, dropout: float, attention_dropout: float):
        super().__init__()
        self.heads = heads
        self.attention_dropout = attention_dropout
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.project_query = nn.Linear(width, width)
        self.project_key = nn.Linear(width, width)
        self.project_value = nn.Linear(width, width)
        self.project_out = nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width)
        self.feed1 = nn.Linear(width, hidden)
        self.feed2 = nn.Linear(hidden, width)
        self.norm2 = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)
        # as torch's own multi-head attention starts: Xavier over the three projections as one matrix
        bound = (6 / (width + 3 * width)) ** 0.5
        for project in (self.project_query, self.project_key, self.project_value):
            nn.init.uniform_(project.weight, -bound, bound)
            nn.init.zeros_(project.bias)
        nn.init.zeros_(self.project_out.bias)

    def forward(self, x: torch.Tensor, lengths: list[int]) -> torch.Tensor:
        """(N, D) packed tokens and the tokens of each video -> (N, D)."""
        attended = self.attend(*self.projections(x), lengths)
        x = self.norm1(x + self.dropout(self.project_out(attended)))
        return self.norm2(x + self.dropout(self.feed2(self.dropout(F.relu(self.feed1(x))))))

    def projections(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(N, D) -> query, key and value, (N, D) each.

        Two linear maps in a row are one. Where there are more tokens than channels, multiplying their
        weights first and all three projections as one product take fewer operations.
        """
        if len(x) < x.shape[1]:
            return self.project_query(self.query(x)), self.project_key(self.key(x)), self.project_value(x)
        maps = (
            composed(self.project_query, self.query),
            composed(self.project_key, self.key),
            (self.project_value.weight, self.project_value.bias),
        )
        weight, bias = (torch.cat(part) for part in zip(*maps, strict=True))
        return F.linear(x, weight, bias).chunk(3, dim=1)

    def attend(self, query, key, value, lengths: list[int]) -> torch.Tensor:
        """Attention of each video's tokens to the tokens of the same video: (N, D) x 3 -> (N, D)."""
        heads = [
            [part.unflatten(1, (self.heads, -1)).transpose(0, 1) for part in packed.split(lengths)]
            for packed in (query, key, value)
        ]
        drop = self.attention_dropout if self.training else 0.0
        attended = [attention(q, k, v, drop) for q, k, v in zip(*heads, strict=True)]
        return torch.cat([part.transpose(0, 1).flatten(1) for part in attended])


def composed(outer: nn.Linear, inner: nn.Linear) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias of the linear map outer(inner(x))."""
    return outer.weight @ inner.weight, F.linear(inner.bias, outer.weight, outer.bias)


def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, dropout: float) -> torch.Tensor:
    """drop(softmax(q k^T / sqrt(d))) v of one video, (H, L, d) each -> (H, L, d)."""
    if dropout and q.device.type == "cpu":
        return DroppedAttention.apply(q, k, v, dropout)
    # of four dimensions, so that a fused kernel takes it
    q, k, v = (part.unsqueeze(0) for part in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout).squeeze(0)


class DroppedAttention(torch.autograd.Function):
    """Attention with dropout on a CPU, some rows of a head at a time.

    torch's own kernel for this case keeps several L x L matrices a head and draws its mask a number at
    a time. Here the backward pass computes the weights and draws the mask once more, so that no
    L x L matrix is kept or even made, and a draw serves four weights.
    """

    @staticmethod
    def forward(ctx, q, k, v, dropout):
        """(H, L, d) x 3 -> (H, L, d)."""
        ctx.save_for_backward(q, k, v)
        ctx.dropout, ctx.random = dropout, torch.get_rng_state()
        out = torch.empty_like(v)
        for head, rows in blocks(*v.shape[:2]):
            weight = weights(q[head, rows], k[head])
            mask = keep(weight.shape, dropout, v.dtype)
            out[head, rows] = weight.mul_(mask) @ v[head]
        return out.mul_(1 / (1 - dropout))

    @staticmethod
    def backward(ctx, gradient):
        """Gradients to q, k and v."""
        q, k, v = ctx.saved_tensors
        generator = torch.Generator().set_state(ctx.random)
        gradient = gradient / (1 - ctx.dropout)
        to_q, to_k, to_v = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        for head, rows in blocks(*v.shape[:2]):
            weight = weights(q[head, rows], k[head])
            mask = keep(weight.shape, ctx.dropout, v.dtype, generator)
            to_weight = (gradient[head, rows] @ v[head].T).mul_(mask)
            to_v[head] += (weight * mask).T @ gradient[head, rows]
            mean = (to_weight * weight).sum(1, keepdim=True)
            to_score = to_weight.sub_(mean).mul_(weight).mul_(q.shape[2] ** -0.5)
            to_q[head, rows] = to_score @ k[head]
            to_k[head] += to_score.T @ q[head, rows]
        return to_q, to_k, to_v, None


def blocks(heads: int, length: int) -> Iterator[tuple[int, slice]]:
    """Every head's rows, ROWS at a time."""
    for head in range(heads):
        for first in range(0, length, ROWS):
            yield head, slice(first, first + ROWS)


def weights(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """softmax(q k^T / sqrt(d)) of some rows of one head: (R, d), (L, d) -> (R, L)."""
    return torch.softmax((q * q.shape[1] ** -0.5) @ k.T, dim=1)
