from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from distillery.models.rbm import RBM
from distillery.samplers.gibbs import BlockGibbs, sample_bits


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def machine(rng: torch.Generator) -> RBM:
    return RBM.from_arrays(
        *(torch.randn(shape, generator=rng, dtype=torch.float64) for shape in ((4, 3), (4,), (3,)))
    )


@pytest.fixture
def exact(machine: RBM) -> tuple[Tensor, Tensor]:
    states = torch.tensor(list(itertools.product([0, 1], repeat=4)), dtype=torch.uint8)
    return states, machine.log_density(states).softmax(0).detach()


def index(states: Tensor) -> Tensor:
    return (states.long() * 2 ** torch.arange(3, -1, -1)).sum(1)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
def test_one_sweep_leaves_the_exact_distribution_as_it_was(
    machine: RBM, exact: tuple[Tensor, Tensor], dtype: torch.dtype, rng: torch.Generator
) -> None:
    states, probs = exact
    start = states[torch.multinomial(probs, 60_000, replacement=True, generator=rng)].to(dtype)
    after = machine.gibbs()(start, rng)
    assert after.dtype == dtype
    expected = 60_000 * probs
    chi_square = (
        ((torch.bincount(index(after), minlength=16) - expected).square() / expected).sum().item()
    )
    assert chi_square < 15 + 5 * math.sqrt(30)


def test_chains_reach_the_exact_distribution_from_one_corner(
    machine: RBM, exact: tuple[Tensor, Tensor], rng: torch.Generator
) -> None:
    step, state = machine.gibbs(), torch.zeros(30_000, 4)
    for _ in range(60):
        state = step(state, rng)
    expected = 30_000 * exact[1]
    chi_square = (
        ((torch.bincount(index(state), minlength=16) - expected).square() / expected).sum().item()
    )
    assert chi_square < 15 + 5 * math.sqrt(30)


def test_a_sweep_is_reversible(
    machine: RBM, exact: tuple[Tensor, Tensor], rng: torch.Generator
) -> None:
    states, probs = exact
    start = states[torch.multinomial(probs, 200_000, replacement=True, generator=rng)]
    after = machine.gibbs()(start, rng)
    flow = torch.bincount(16 * index(start) + index(after), minlength=256).view(16, 16).double()
    assert ((flow - flow.t()).abs() <= 5 * (flow + flow.t() + 1).sqrt()).all()


def test_a_step_is_pure(machine: RBM, rng: torch.Generator) -> None:
    step, state = machine.gibbs(), torch.zeros(7, 4)
    before, stream = state.clone(), rng.get_state()
    first = step(state, rng)
    rng.set_state(stream)
    assert torch.equal(first, step(state, rng))
    assert torch.equal(state, before)


def test_bits_are_on_as_often_as_their_logits_say(rng: torch.Generator) -> None:
    share = sample_bits(torch.full((100_000,), -1.2), rng).mean().item()
    prob = 1 / (1 + math.exp(1.2))
    assert abs(share - prob) < 4 * math.sqrt(prob * (1 - prob) / 100_000)


def test_chains_that_know_nothing_start_as_fair_coins(machine: RBM, rng: torch.Generator) -> None:
    start = machine.gibbs().start(10_000, rng)
    assert set(start.unique().tolist()) == {0.0, 1.0}
    assert abs(start.mean().item() - 0.5) < 4 * 0.5 / 200


def test_weights_and_biases_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"W must be \(visible, hidden\) = \(3, 5\)"):
        BlockGibbs(torch.zeros(5, 3), torch.zeros(3), torch.zeros(5))
