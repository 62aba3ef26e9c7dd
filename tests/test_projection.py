"""The projection of wide features, whose noise is drawn after it."""

import pytest
import torch

from hrpro.layers.projection import Projection
from hrpro.snippet.model import SnippetModel
from hrpro.snippet.settings import Settings


def test_the_projected_noise_has_the_covariance_of_noise_that_is_projected():
    torch.manual_seed(0)
    projection = Projection(24, 5, noise=0.7).train()
    x = torch.randn(1, 24).repeat(200_000, 1)
    with torch.no_grad():
        actual = projection(x)
        expected = torch.nn.functional.linear(
            x + 0.7 * torch.randn_like(x), projection.weight, projection.bias
        )
    torch.testing.assert_close(actual.mean(0), expected.mean(0), atol=0.005, rtol=0)
    torch.testing.assert_close(actual.T.cov(), expected.T.cov(), atol=0.005, rtol=0.02)


def test_the_noise_reaches_the_weights_as_it_would_by_the_inputs():
    """The mean gradient of a loss that is not linear, over many draws."""
    torch.manual_seed(0)
    projection = Projection(12, 3, noise=1.0).double().train()
    x = torch.randn(1, 12, dtype=torch.float64).repeat(400_000, 1)
    gradients = []
    for y in (
        projection(x),
        torch.nn.functional.linear(x + torch.randn_like(x), projection.weight, projection.bias),
    ):
        [gradient] = torch.autograd.grad((y**2).mean(), projection.weight)
        gradients.append(gradient)
    torch.testing.assert_close(*gradients, atol=0.01, rtol=0.02)


def test_nothing_is_drawn_in_use_or_without_noise():
    x = torch.randn(4, 8)
    for projection in (Projection(8, 3, noise=0.5).eval(), Projection(8, 3, noise=0.0).train()):
        state = torch.get_rng_state()
        assert torch.equal(projection(x), torch.nn.Linear.forward(projection, x))
        assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(("width", "projected"), [(256, True), (255, False), (128, False), (16, False)])
def test_noise_is_drawn_where_it_costs_less(width, projected):
    network = SnippetModel(3, width, Settings(width=128))
    assert isinstance(network.project, Projection) == projected
    assert (network.inputs.noise == 0) == projected


def test_a_factor_is_found_under_autocast_and_without_values():
    projection = Projection(64, 8, noise=1.0).train()
    with torch.autocast("cpu", torch.bfloat16):
        assert projection(torch.randn(5, 64)).isfinite().all()
    assert projection.to("meta")(torch.empty(5, 64, device="meta")).shape == (5, 8)
