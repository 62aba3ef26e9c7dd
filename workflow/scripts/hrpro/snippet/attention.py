"""The reliability-aware attention block over the tokens [snippets; prototypes] of each video."""

import torch
from torch import nn
from torch.nn import functional as F


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
        self.dropout = nn.Dropout(dropout)
        # as torch's own multi-head attention starts: Xavier over the three projections as one matrix
        bound = (6 / (width + 3 * width)) ** 0.5
        for project in (self.project_query, self.project_key, self.project_value):
            nn.init.uniform_(project.weight, -bound, bound)
            nn.init.zeros_(project.bias)
        nn.init.zeros_(self.project_out.bias)

    def forward(self, x: torch.Tensor, lengths: list[int]) -> torch.Tensor:
        """(N, D) packed tokens and the tokens of each video -> (N, D)."""
        query = self.project_query(self.query(x))
        key = self.project_key(self.key(x))
        value = self.project_value(x)
        x = self.norm1(x + self.dropout(self.project_out(self.attend(query, key, value, lengths))))
        return self.norm2(x + self.dropout(self.feed2(self.dropout(F.relu(self.feed1(x))))))

    def attend(self, query, key, value, lengths: list[int]) -> torch.Tensor:
        """Attention of each video's tokens to the tokens of the same video: (N, D) x 3 -> (N, D)."""
        heads = [
            [part.unflatten(1, (self.heads, -1)).transpose(0, 1) for part in packed.split(lengths)]
            for packed in (query, key, value)
        ]
        drop = self.attention_dropout if self.training else 0.0
        attended = [attention(q, k, v, drop) for q, k, v in zip(*heads, strict=True)]
        return torch.cat([part.transpose(0, 1).flatten(1) for part in attended])


def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, dropout: float) -> torch.Tensor:
    """drop(softmax(q k^T / sqrt(d))) v of one video, (H, L, d) each -> (H, L, d)."""
    if dropout and q.device.type == "cpu":
        return DroppedAttention.apply(q, k, v, dropout)
    # of four dimensions, so that a fused kernel takes it
    q, k, v = (part.unsqueeze(0) for part in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout).squeeze(0)


class DroppedAttention(torch.autograd.Function):
    """Attention with dropout on a CPU, a head at a time.

    torch's own kernel for this case keeps several L x L matrices a head and draws its mask a number at
    a time; here the weights are computed again in the backward pass and a draw serves four weights.
    """

    @staticmethod
    def forward(ctx, q, k, v, dropout):
        """(H, L, d) x 3 -> (H, L, d)."""
        kept = torch.stack([keep(q.shape[1], dropout) for _ in range(len(q))])
        out = torch.stack(
            [weights(*qk).mul_(m.to(x.dtype)) @ x for *qk, m, x in zip(q, k, kept, v, strict=True)]
        )
        ctx.save_for_backward(q, k, v, kept)
        ctx.scale = 1 / (1 - dropout)
        return out.mul_(ctx.scale)

    @staticmethod
    def backward(ctx, gradient):
        """Gradients to q, k and v."""
        q, k, v, kept = ctx.saved_tensors
        gradient = gradient * ctx.scale
        gradients = []
        for head in range(len(q)):
            weight, mask = weights(q[head], k[head]), kept[head].to(v.dtype)
            to_weight = (gradient[head] @ v[head].T).mul_(mask)
            to_v = (weight * mask).T @ gradient[head]
            mean = (to_weight * weight).sum(1, keepdim=True)
            to_score = to_weight.sub_(mean).mul_(weight).mul_(q.shape[2] ** -0.5)
            gradients.append((to_score @ k[head], to_score.T @ q[head], to_v))
        return *(torch.stack(part) for part in zip(*gradients, strict=True)), None


def weights(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """softmax(q k^T / sqrt(d)) of one head: (L, d) x 2 -> (L, L)."""
    return torch.softmax((q * q.shape[1] ** -0.5) @ k.T, dim=1)


def keep(length: int, dropout: float) -> torch.Tensor:
    """Which of length x length weights stay: bool, true with probability 1 - dropout (to 2^-16)."""
    words = torch.empty((length * length + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    draws = words.view(torch.int16)[: length * length].view(length, length)
    return draws >= round(dropout * 2**16) - 2**15
