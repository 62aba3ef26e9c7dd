"""Dropout on a CPU."""

import pytest
import torch

from hrpro.layers.dropout import Dropout
from hrpro.utils.speed import draw_mask


@pytest.mark.parametrize("dropout", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("axis", [0, 1])
def test_the_share_that_stays(dropout, axis):
    """Along either axis, and so for each of the four numbers of a draw."""
    kept = draw_mask((2000, 2000), dropout, torch.float64, torch.Generator().manual_seed(0))
    deviation = (dropout * (1 - dropout) / 2000) ** 0.5
    assert set(kept.unique().tolist()) == {0, 1}
    assert (kept.mean(axis) - (1 - dropout)).abs().max() < 5 * deviation
    assert abs(kept.mean() - (1 - dropout)) < 5 * deviation / 2000**0.5


def test_neighbours_stay_independently():
    kept = draw_mask((1000, 1000), 0.5, torch.float64, torch.Generator().manual_seed(0)).flatten()
    for distance in range(1, 9):
        both = (kept[distance:] * kept[:-distance]).mean()
        assert abs(both - 0.25) < 5 * (0.25 * 0.75 / len(kept)) ** 0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", [(), (1,), (7, 3), (0, 4)])
def test_values_and_gradients(shape, dtype):
    x = torch.rand(shape).add(1).to(dtype).requires_grad_()
    state = torch.get_rng_state()
    out = Dropout(0.4)(x)
    torch.set_rng_state(state)
    scale = draw_mask(shape, 0.4, dtype) * (1 / 0.6)
    assert (out.dtype, out.shape) == (dtype, x.shape)
    torch.testing.assert_close(out, x * scale)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(gradient, scale)


def test_the_backward_pass_keeps_no_mask():
    x, kept = torch.rand(100, 100, requires_grad=True), []
    with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda saved: saved):
        Dropout(0.4)(x)
    assert kept == []


def test_nothing_is_drawn_without_need():
    x, state = torch.rand(5, 5), torch.get_rng_state()
    assert torch.equal(Dropout(0.4).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_largest_share():
    kept = draw_mask((1000, 1000), 0.99, torch.float64, torch.Generator().manual_seed(0))
    assert kept.mean().item() == pytest.approx(0.01, rel=0.04)  # 4 deviations
