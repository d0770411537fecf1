from __future__ import annotations

import pytest
import torch
from torch import nn

from distillery.losses.derivatives import slopes
from distillery.models.mlp import MLP
from distillery.models.slopes import is_relu_network, linearized, log_slopes, mean_log_slopes


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def networks(count: int = 3) -> list[nn.Module]:
    return [MLP([12, 9, 7, 4], rng=rng(seed)).double() for seed in range(count)]


def pictures(n: int = 5) -> torch.Tensor:
    return torch.randn(n, 1, 3, 4, generator=rng(9)).double()


def test_pulling_rows_back_is_multiplying_by_the_jacobian() -> None:
    network, x = networks(1)[0], pictures()
    around, rows = linearized(network, x), torch.randn(5, 2, 4, generator=rng(1)).double()
    inputs = x.clone().requires_grad_()
    jacobian = slopes(network(inputs), inputs, keep=False, of="student")
    torch.testing.assert_close(around.outputs, network(x))
    torch.testing.assert_close(around.pull(rows), torch.einsum("bik,bkcde->bicde", rows, jacobian))


def test_slopes_of_the_mean_probability_agree_with_finite_differences() -> None:
    found, x = networks(), pictures()

    def log_mean(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([network(x).softmax(-1) for network in found]).mean(0).log()

    log_probs, theirs = mean_log_slopes(found, x)
    torch.testing.assert_close(log_probs, log_mean(x))
    for place in range(12):
        step = torch.zeros(12).double()
        step[place] = 1e-6
        rise = (log_mean(x + step.view(1, 3, 4)) - log_mean(x - step.view(1, 3, 4))) / 2e-6
        torch.testing.assert_close(theirs.flatten(2)[..., place], rise, rtol=1e-5, atol=1e-7)


def test_one_network_is_the_mean_of_itself_however_many_inputs_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("distillery.models.slopes.AT_ONCE", 2)
    network, x = networks(1)[0], pictures()
    torch.testing.assert_close(mean_log_slopes([network], x), log_slopes(network, x))


def test_only_linear_layers_with_relus_between_are_known() -> None:
    assert is_relu_network(
        nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, 2)))
    )
    assert not is_relu_network(MLP([2, 3, 2], rng=rng(), activation=nn.Tanh()))
    assert not is_relu_network(nn.Sequential(nn.ReLU(), nn.Linear(2, 2)))
    with pytest.raises(
        ValueError,
        match="network is a Conv2d: linear layers with ReLUs between are needed, as in MLP",
    ):
        linearized(nn.Conv2d(1, 1, 1), pictures())
