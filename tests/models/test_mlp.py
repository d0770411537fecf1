from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from distillery.models.mlp import MLP, start_weights, unit_start


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_an_mlp_is_matrices_with_a_nonlinearity_between() -> None:
    network, x = MLP([3, 5, 2], rng=rng()), torch.randn(4, 3, generator=rng(1))
    first, last = (layer for layer in network.modules() if isinstance(layer, nn.Linear))
    expected = (x @ first.weight.T + first.bias).clamp(min=0) @ last.weight.T + last.bias
    torch.testing.assert_close(network(x), expected)


def test_a_single_matrix_has_no_nonlinearity() -> None:
    network = MLP([3, 2], rng=rng())
    x = torch.randn(4, 3, generator=rng(1))
    torch.testing.assert_close(network(-x), -network(x))


def test_pictures_are_flattened() -> None:
    network, x = MLP([12, 2], rng=rng()), torch.randn(4, 3, 2, 2, generator=rng())
    assert network(x).equal(network(x.flatten(1)))


def test_any_nonlinearity_serves() -> None:
    network = MLP([3, 50, 2], rng=rng(), activation=nn.Tanh())
    assert [type(layer) for layer in network.layers] == [nn.Flatten, nn.Linear, nn.Tanh, nn.Linear]


def test_weights_depend_on_the_stream_alone() -> None:
    made = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        made.append(MLP([3, 5, 2], rng=rng()).state_dict())
    assert all(value.equal(made[1][name]) for name, value in made[0].items())
    assert not MLP([3, 5, 2], rng=rng(1)).layers[1].weight.equal(made[0]["layers.1.weight"])


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [
        (nn.Linear(400, 300), 400),
        (nn.Conv2d(16, 64, 5), 400),
        (nn.Conv2d(16, 64, 5, groups=4), 100),
        (nn.Conv1d(40, 300, 3), 120),
        (nn.ConvTranspose2d(40, 100, 3), 360),
    ],
)
def test_weights_start_with_variance_two_over_fan_in_and_biases_at_zero(
    layer: nn.Module, fan_in: int
) -> None:
    start_weights(layer, rng=rng())
    squares = layer.weight.detach().double().square().flatten() * fan_in / 2
    assert squares.mean() == pytest.approx(1.0, abs=4 * math.sqrt(2 / len(squares)))
    assert (layer.bias == 0).all()


def test_weights_and_biases_of_a_unit_start_have_variance_one_over_inputs_and_one() -> None:
    network = MLP([400, 300, 200], rng=rng(), start=unit_start)
    for layer in (network.layers[1], network.layers[3]):
        assert isinstance(layer, nn.Linear)
        for p in (layer.weight, layer.bias):
            squares = p.detach().double().square().flatten() * (layer.in_features + 1)
            assert squares.mean() == pytest.approx(1.0, abs=4 * math.sqrt(2 / len(squares)))


def test_layers_without_biases_start_too() -> None:
    layer = nn.Linear(3, 3, bias=False)
    start_weights(layer, rng=rng())
    assert layer.weight.isfinite().all()


@pytest.mark.parametrize("widths", [[3], [], [3, 0], [3, -1, 2]])
def test_widths_that_make_no_network_are_refused(widths: list[int]) -> None:
    with pytest.raises(
        ValueError,
        match=r"widths is \[.*\]: at least an input and an output width, all positive, are needed",
    ):
        MLP(widths, rng=rng())
