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
        attended = [
            F.scaled_dot_product_attention(q, k, v, dropout_p=drop) for q, k, v in zip(*heads, strict=True)
        ]
        return torch.cat([part.transpose(0, 1).flatten(1) for part in attended])
