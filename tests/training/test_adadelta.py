from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from distillery.models.mlp import MLP
from distillery.training.adadelta import Adadelta


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network(dtype: torch.dtype = torch.float32) -> nn.Module:
    return MLP([6, 17, 3], rng=rng()).to(dtype)


def go(
    network: nn.Module, optimizer: torch.optim.Optimizer, steps: int = 20, *, seed: int = 1
) -> list[Tensor]:
    stream = rng(seed)
    for _ in range(steps):
        x = torch.randn(8, 6, generator=stream).to(next(network.parameters()))
        optimizer.zero_grad()
        network(x).square().sum().backward()
        optimizer.step()
    return [p.detach() for p in network.parameters()]


def close(one: list[Tensor], other: list[Tensor]) -> None:
    for p, q in zip(one, other, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [{}, {"lr": 0.5, "rho": 0.9, "eps": 1e-3}, {"weight_decay": 0.1}],
    ids=["paper", "other", "decay"],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_pass_moves_as_torch_does(settings: dict[str, Any], dtype: torch.dtype) -> None:
    ours, theirs = network(dtype), network(dtype)
    start = [p.detach().clone() for p in ours.parameters()]
    moved = go(ours, Adadelta(ours.parameters(), **settings))
    close(
        moved,
        go(
            theirs,
            torch.optim.Adadelta(
                theirs.parameters(), **{"lr": 1.0, "rho": 0.95, "eps": 1e-6} | settings
            ),
        ),
    )
    assert max(float((p - q).abs().max()) for p, q in zip(moved, start, strict=True)) > 1e-3


def test_torch_continues_what_one_pass_began() -> None:
    ours, theirs = network(), network()
    first = Adadelta(ours.parameters())
    go(ours, first, 5)
    theirs.load_state_dict(ours.state_dict())
    then = torch.optim.Adadelta(theirs.parameters(), lr=1.0, rho=0.95, eps=1e-6)
    then.load_state_dict(copy.deepcopy(first.state_dict()))
    close(go(theirs, then, 5, seed=2), go(ours, first, 5, seed=2))


def test_averages_that_are_nothing_beside_eps_become_zero_and_change_no_parameter() -> None:
    ours, theirs = nn.Parameter(torch.ones(64)), nn.Parameter(torch.ones(64))
    optimizers = Adadelta([ours]), torch.optim.Adadelta([theirs], lr=1.0, rho=0.95, eps=1e-6)
    for step in range(2000):
        for p, optimizer in zip((ours, theirs), optimizers, strict=True):
            p.grad = torch.full_like(p, float(step < 10))
            optimizer.step()
    faded = [
        optimizer.state[p]["square_avg"]
        for p, optimizer in zip((ours, theirs), optimizers, strict=True)
    ]
    assert not faded[0].any()
    assert 0 < faded[1].max() < 1e-38
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=0)


def test_a_parameter_without_a_gradient_stays() -> None:
    a, b = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    optimizer = Adadelta([a, b])
    a.sum().backward()
    optimizer.step()
    assert (a < 1).all()
    assert b.detach().equal(torch.ones(3))


def test_what_is_not_contiguous_is_moved_all_the_same() -> None:
    one, other = nn.Parameter(torch.ones(4, 3).t()), nn.Parameter(torch.ones(3, 4))
    for p, optimizer in ((one, Adadelta([one])), (other, Adadelta([other]))):
        (p * torch.arange(12.0).reshape(3, 4)).sum().backward()
        optimizer.step()
    torch.testing.assert_close(one.detach(), other.detach(), rtol=1e-5, atol=1e-6)
