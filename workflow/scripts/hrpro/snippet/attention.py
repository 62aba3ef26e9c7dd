"""The reliability-aware attention block over the tokens [snippets; prototypes] of each video.

docs/method.md, section 2.3.
"""

import torch
from torch import nn
from torch.nn import functional as F

from ..layers.dropout import Dropout
from ..layers.packing import Packing
from ..utils.speed import DropoutAttention, packed_attention


class AttentionBlock(nn.Module):
    """One block (eq. 6): q = Wq x, k = Wk x, v = x, multi-head attention within a video, then
    x <- LN(x + drop(attention)) and x <- LN(x + drop(W2 drop(relu(W1 x)))).

    width: D, a multiple of `heads`; hidden: the width between W1 and W2.
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
        # initialized as torch.nn.MultiheadAttention: Xavier over the three projections as one matrix
        bound = (6 / (width + 3 * width)) ** 0.5
        for project in (self.project_query, self.project_key, self.project_value):
            nn.init.uniform_(project.weight, -bound, bound)
            nn.init.zeros_(project.bias)
        nn.init.zeros_(self.project_out.bias)

    def forward(self, x: torch.Tensor, tokens: Packing) -> torch.Tensor:
        """Packed tokens (N, D) -> (N, D)."""
        attended = self.attend(*self.projections(x), tokens)
        x = self.norm1(x + self.dropout(self.project_out(attended)))
        return self.norm2(x + self.dropout(self.feed2(self.dropout(F.relu(self.feed1(x))))))

    def projections(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(N, D) -> query, key and value, (N, D) each.

        Two linear maps in a row are one. With more tokens than channels it takes fewer operations to
        multiply their weights first and to compute all three projections as one product.
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

    def attend(self, query, key, value, tokens: Packing) -> torch.Tensor:
        """Attention of each video's tokens to the tokens of the same video: (N, D) x 3 -> (N, D)."""
        heads = [x.unflatten(1, (self.heads, -1)) for x in (query, key, value)]  # (N, H, d)
        drop = self.attention_dropout if self.training else 0.0
        if tokens.fused:
            return packed_attention(*heads, tokens.offsets, max(tokens.lengths), drop).flatten(1)
        videos = [tokens.split(x.transpose(0, 1), dim=1) for x in heads]
        attended = [attention(q, k, v, drop) for q, k, v in zip(*videos, strict=True)]
        return torch.cat([part.transpose(0, 1).flatten(1) for part in attended])


def composed(outer: nn.Linear, inner: nn.Linear) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias of the linear map outer(inner(x))."""
    return outer.weight @ inner.weight, F.linear(inner.bias, outer.weight, outer.bias)


def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, dropout: float) -> torch.Tensor:
    """drop(softmax(q k^T / sqrt(d))) v of one video on a CPU, (H, L, d) each -> (H, L, d)."""
    if dropout:
        return DropoutAttention.apply(q, k, v, dropout)
    # four dimensions, so that a fused kernel is used
    q, k, v = (part.unsqueeze(0) for part in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v).squeeze(0)
