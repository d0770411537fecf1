from __future__ import annotations

import math
from itertools import combinations

import pytest
import torch
from torch import Tensor

from distillery.generators.chain import Chain
from distillery.samplers.diagnostics import standard_error
from distillery.samplers.langevin import SGLD, Annealed, MinibatchGradient, polynomial


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def towards_zero(states: Tensor, rng: torch.Generator) -> Tensor:
    """The exact gradient of a standard normal."""
    return -states


@pytest.mark.parametrize("step_size", [1.0, 0.4, 0.1])
def test_the_bias_on_a_gaussian_is_the_one_known_in_closed_form(step_size: float) -> None:
    """x' = (1 - e/2) x + N(0, e) has variance 1 / (1 - e/4), not 1: the bias shrinks with the step
    size e.
    """
    start = torch.randn(1000, 1, generator=seeded(), dtype=torch.float64) / math.sqrt(
        1 - step_size / 4
    )
    squares = Chain(SGLD(towards_zero, step_size), start, rng=seeded(1)).trace(300).square()
    error = standard_error(squares)
    assert (squares.mean() - 1 / (1 - step_size / 4)).abs() < 4 * error
    if step_size > 0.1:
        assert squares.mean() - 1 > 4 * error


def test_noise_in_the_gradient_adds_its_variance_in_closed_form() -> None:
    """Gradient noise of variance v adds e²v/4 to the noise e: variance (1 + ev/4) / (1 - e/4)."""

    def noisy(states: Tensor, rng: torch.Generator) -> Tensor:
        return -states + 3 * torch.randn(states.shape, generator=rng, dtype=states.dtype)

    squares = (
        Chain(
            SGLD(noisy, 0.2), torch.zeros(1000, 1, dtype=torch.float64), rng=seeded(1), burn_in=60
        )
        .trace(200)
        .square()
    )
    assert (squares.mean() - (1 + 0.2 * 9 / 4) / (1 - 0.05)).abs() < 4 * standard_error(squares)


def test_minibatch_gradients_average_to_the_gradient_of_the_whole_posterior() -> None:
    data = torch.randn(5, generator=seeded(), dtype=torch.float64)
    states = torch.tensor([[0.3], [-1.0]], dtype=torch.float64)

    def prior(w: Tensor) -> Tensor:
        return -(w[:, 0] ** 2) / 20

    def likelihood(w: Tensor, x: Tensor) -> Tensor:
        return -((x - w).pow(2)) / 2

    exact = -states / 10 + (data - states).sum(1, keepdim=True)
    assert torch.allclose(MinibatchGradient(prior, likelihood, (data,), 5)(states, seeded()), exact)
    estimates = torch.stack(
        [
            MinibatchGradient(prior, likelihood, (data,), 2)(states, seeded(seed))
            for seed in range(400)
        ]
    )
    pairs = torch.stack(
        [
            -states / 10 + 5 / 2 * (data[list(pair)] - states).sum(1, keepdim=True)
            for pair in combinations(range(5), 2)
        ]
    )
    assert torch.allclose(pairs.mean(0), exact)
    assert {round(float(g), 9) for g in estimates[:, 0, 0]} == {
        round(float(g), 9) for g in pairs[:, 0, 0]
    }


def test_langevin_on_minibatches_finds_a_conjugate_posterior() -> None:
    data = 1 + torch.randn(100, generator=seeded(), dtype=torch.float64)
    gradient = MinibatchGradient(
        lambda w: -(w[:, 0] ** 2) / 200, lambda w, x: -((x - w).pow(2)) / 2, (data,), 50
    )
    draws = Chain(
        SGLD(gradient, 0.002), torch.zeros(200, 1, dtype=torch.float64), rng=seeded(1), burn_in=60
    ).trace(400)
    exact = data.sum() / 100.01
    assert (draws.mean() - exact).abs() < 4 * standard_error(draws.mean(1, keepdim=True)) + 1e-3
    assert draws.var() == pytest.approx(1 / 100.01, rel=0.2)


def test_an_annealed_chain_is_asked_for_every_sweep_in_turn() -> None:
    asked = []

    def halving(sweep: int) -> float:
        asked.append(sweep)
        return 0.5**sweep

    chain = Chain(
        Annealed(SGLD(towards_zero, 0.8), halving),
        torch.zeros(3, 1),
        rng=seeded(),
        burn_in=2,
        thin=2,
    )
    chain.draw(3)
    assert asked == [0, 1, 2, 3]
    assert chain.step.at(2) == SGLD(towards_zero, 0.2)


def test_the_polynomial_schedule_falls_from_one() -> None:
    schedule = polynomial(0.6, offset=10.0)
    assert schedule(0) == 1
    assert schedule(10) == pytest.approx(2**-0.6)
    with pytest.raises(ValueError, match=r"power is 0\.5"):
        polynomial(0.5)


def test_a_step_is_pure() -> None:
    state, step = torch.ones(4, 2), SGLD(towards_zero, 0.1)
    assert torch.equal(step(state, seeded(1)), step(state, seeded(1)))
    assert torch.equal(state, torch.ones(4, 2))


def test_bad_input_is_refused_at_the_door() -> None:
    with pytest.raises(ValueError, match="step_size is"):
        SGLD(towards_zero, 0.0)
    with pytest.raises(ValueError, match=r"gradient answered shape \(2,\)"):
        SGLD(lambda w, rng: w[:, 0], 0.1)(torch.ones(2, 2), seeded())
    with pytest.raises(ValueError, match="finite: False"):
        SGLD(lambda w, rng: w * math.nan, 0.1)(torch.ones(2, 2), seeded())
    with pytest.raises(ValueError, match=r"lengths \[3\] and size is 4"):
        MinibatchGradient(lambda w: w.sum(1), lambda w, x: w, (torch.zeros(3),), 4)
    with pytest.raises(ValueError, match=r"lengths \[2, 3\]"):
        MinibatchGradient(lambda w: w.sum(1), lambda w, x: w, (torch.zeros(3), torch.zeros(2)), 1)
