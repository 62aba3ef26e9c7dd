"""Attention."""

import pytest
import torch

from hrpro.layers.packing import Packing
from hrpro.snippet import attention
from hrpro.snippet.model import SnippetModel, windows
from hrpro.snippet.settings import Settings
from hrpro.utils.speed import draw_mask


@pytest.mark.parametrize("length", [1, 2, 37, 300])
def test_dropped_attention_is_attention_with_its_mask(length):
    q, k, v = (torch.randn(4, length, 6, dtype=torch.float64, requires_grad=True) for _ in range(3))
    state = torch.get_rng_state()
    out = attention.attention(q, k, v, dropout=0.3)
    torch.set_rng_state(state)
    mask = torch.stack([draw_mask((length, length), 0.3, q.dtype) for _ in range(4)])
    weights = torch.softmax(q @ k.transpose(1, 2) / 6**0.5, dim=-1) * mask / 0.7
    expected = weights @ v
    torch.testing.assert_close(out, expected)
    gradient = torch.randn_like(out)
    actual = torch.autograd.grad(out, (q, k, v), gradient)
    for a, b in zip(actual, torch.autograd.grad(expected, (q, k, v), gradient), strict=True):
        torch.testing.assert_close(a, b)


def test_without_dropout_nothing_is_drawn():
    q, k, v = (torch.randn(2, 5, 4) for _ in range(3))
    state = torch.get_rng_state()
    out = attention.attention(q, k, v, dropout=0.0)
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(out, torch.softmax(q @ k.transpose(1, 2) / 2, dim=-1) @ v)


def test_videos_do_not_see_each_other():
    block = attention.AttentionBlock(8, 2, 4, dropout=0.0, attention_dropout=0.0)
    x = torch.randn(12, 8)
    packed = block(x, Packing([5, 7]))
    torch.testing.assert_close(packed[:5], block(x[:5], Packing([5])))
    torch.testing.assert_close(packed[5:], block(x[5:], Packing([7])))


@pytest.mark.parametrize(
    ("lengths", "most", "parts"),
    [
        ([5, 12], None, [5, 12]),
        ([5, 12], 12, [5, 12]),
        ([5, 12], 5, [5, 4, 4, 4]),
        ([1, 7], 3, [1, 3, 2, 2]),
        ([3], 1, [1, 1, 1]),
    ],
)
def test_long_videos_are_cut_for_the_attention_into_equal_parts(lengths, most, parts):
    assert windows(lengths, most) == parts


def test_with_a_window_a_snippet_sees_its_part_and_the_prototypes_alone():
    torch.manual_seed(0)
    whole = SnippetModel(3, 40, Settings()).eval()
    whole.prototypes.normal_()
    network = SnippetModel(3, 40, Settings(attention_window=4)).eval()
    network.load_state_dict(whole.state_dict())
    x = torch.randn(11, 40)
    attended = network.attend(x, Packing([11]))
    expected = [whole.attend(part, Packing([len(part)])) for part in x.split([4, 4, 3])]
    torch.testing.assert_close(attended, torch.cat(expected))


def test_two_maps_at_once_are_the_two_one_after_the_other():
    """With as many tokens as channels their weights are multiplied first."""
    block = attention.AttentionBlock(8, 2, 4, dropout=0.0, attention_dropout=0.0)
    torch.nn.init.normal_(block.project_query.bias)
    x = torch.randn(8, 8)
    for together, few in zip(block.projections(x), block.projections(x[:7]), strict=True):
        torch.testing.assert_close(together[:7], few)


def test_a_block_is_initialized_as_torchs_attention():
    block = attention.AttentionBlock(64, 8, 16, dropout=0.0, attention_dropout=0.0)
    torch_s = torch.nn.MultiheadAttention(64, 8)
    projections = [block.project_query, block.project_key, block.project_value]
    ours = torch.cat([projection.weight for projection in projections])
    for a, b in ((ours, torch_s.in_proj_weight), (block.project_out.weight, torch_s.out_proj.weight)):
        assert a.abs().max().item() == pytest.approx(b.abs().max().item(), rel=0.01)
        assert a.std().item() == pytest.approx(b.std().item(), rel=0.05)
    assert not any(p.bias.any() for p in [*projections, block.project_out])
