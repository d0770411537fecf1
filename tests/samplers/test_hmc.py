from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from distillery.samplers.diagnostics import standard_error
from distillery.samplers.hmc import HMC, tuned
from distillery.samplers.langevin import mala


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gumbel(states: Tensor) -> Tensor:
    return (-states - torch.exp(-states)).sum(1)


def gumbel_draws(*shape: int) -> Tensor:
    return -torch.log(torch.empty(shape, dtype=torch.float64).exponential_(generator=seeded(7)))


def trace(step: HMC, state: Tensor, sweeps: int, seed: int = 0) -> Tensor:
    rng, draws = seeded(seed), []
    for _ in range(sweeps):
        state = step(state, rng)
        draws.append(state)
    return torch.stack(draws)


@pytest.mark.parametrize("step", [
    HMC(gumbel, step_size=0.9, steps=4), HMC(gumbel, step_size=0.6, steps=3, mass=torch.tensor([0.5, 2.0])), mala(gumbel, 0.8),
])  # fmt: skip
def test_exact_draws_of_a_skewed_target_stay_exact_draws(step: HMC) -> None:
    draws = trace(step, gumbel_draws(10_000, 2), 5)
    _, accepted = step.transition(draws[-1], seeded())
    assert 0.3 < accepted.mean() < 0.98, "a test of acceptance needs rejections"
    for axis in range(2):
        assert stats.kstest(draws[-1, :, axis].numpy(), stats.gumbel_r.cdf).pvalue > 1e-3


def test_a_correlated_gaussian_is_matched() -> None:
    covariance = torch.tensor([[2.0, 1.2], [1.2, 1.0]], dtype=torch.float64)
    precision, mean = torch.linalg.inv(covariance), torch.tensor([1.0, -3.0], dtype=torch.float64)
    step = HMC(lambda w: -((w - mean) @ precision * (w - mean)).sum(1) / 2, step_size=0.5, steps=7)
    centred = trace(step, torch.zeros(50, 2, dtype=torch.float64), 300)[50:] - mean
    products = torch.stack(
        [centred[..., 0] ** 2, centred[..., 1] ** 2, centred[..., 0] * centred[..., 1]], -1
    )
    assert (centred.mean((0, 1)).abs() < 4 * standard_error(centred)).all()
    assert (
        (products.mean((0, 1)) - torch.tensor([2.0, 1.0, 1.2])).abs() < 4 * standard_error(products)
    ).all()


def test_the_mean_of_exp_minus_the_change_of_energy_is_one() -> None:
    """Volume is preserved (Creutz): from exact draws, the accept ratios before capping average to
    1; a wrong energy breaks it.
    """
    step, state, rng = (
        HMC(gumbel, step_size=0.7, steps=3, mass=1.7),
        gumbel_draws(40_000, 1),
        seeded(1),
    )
    momentum = torch.randn(state.shape, generator=rng, dtype=torch.float64) * math.sqrt(1.7)
    gradient = -1 + torch.exp(-state)
    proposal, after, values = step._leapfrog(state, momentum, gradient, torch.tensor([1.7]))
    ratio = torch.exp(values - after[:, 0] ** 2 / 3.4 - gumbel(state) + momentum[:, 0] ** 2 / 3.4)
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / 200
    assert ratio.std() > 0.05
    back, _, _ = step._leapfrog(proposal, -after, -1 + torch.exp(-proposal), torch.tensor([1.7]))
    assert torch.allclose(back, state, atol=1e-10), (
        "a trajectory with its momentum reversed returns"
    )


def test_tuning_reaches_the_acceptance_it_is_asked_for() -> None:
    precision = torch.linspace(0.5, 3, 10, dtype=torch.float64)
    rough = HMC(lambda w: -(precision * w.square()).sum(1) / 2, step_size=0.01, steps=2)
    sampler, state = tuned(
        rough,
        torch.randn(50, 10, generator=seeded(), dtype=torch.float64),
        seeded(1),
        sweeps=150,
        accept=0.7,
    )
    accepted = torch.stack(
        [sampler.transition(state, seeded(seed))[1].mean() for seed in range(20)]
    )
    assert rough.step_size == 0.01
    assert sampler.step_size > 0.3
    assert abs(accepted.mean() - 0.7) < 0.08


def test_a_mass_equal_to_the_precision_undoes_the_scales() -> None:
    precision = torch.tensor([0.01, 1.0, 100.0], dtype=torch.float64)
    state = torch.randn(20, 3, generator=seeded(), dtype=torch.float64)
    standard = HMC(lambda w: -w.square().sum(1) / 2, step_size=0.3, steps=5)
    scaled = HMC(
        lambda w: -(precision * w.square()).sum(1) / 2, step_size=0.3, steps=5, mass=precision
    )
    assert torch.allclose(
        scaled(state / precision.sqrt(), seeded(1)) * precision.sqrt(), standard(state, seeded(1))
    )


def test_a_step_is_pure() -> None:
    state, step = gumbel_draws(5, 3), HMC(gumbel)
    before = state.clone()
    assert torch.equal(step(state, seeded(1)), step(state, seeded(1)))
    assert torch.equal(state, before)
    assert not state.requires_grad


def test_a_trajectory_that_leaves_the_finite_numbers_is_rejected() -> None:
    step = HMC(lambda w: -w.pow(4).sum(1), step_size=30.0, steps=20)
    state = torch.ones(10, 2, dtype=torch.float64)
    moved, accepted = step.transition(state, seeded())
    assert torch.equal(moved, state)
    assert (accepted == 0).all()


def test_zero_density_is_never_entered_and_never_a_start() -> None:
    def half(states: Tensor) -> Tensor:
        return torch.where((states >= 0).all(1), -states.sum(1), -math.inf)

    start = torch.empty(5000, 1, dtype=torch.float64).exponential_(generator=seeded(3))
    moved = trace(HMC(half, step_size=0.5, steps=3), start, 4)[-1]
    assert moved.min() >= 0
    assert stats.kstest(moved[:, 0].numpy(), stats.expon.cdf).pvalue > 1e-3
    with pytest.raises(ValueError, match="where the density is zero"):
        HMC(half)(-torch.ones(1, 1), seeded())


def test_bad_input_is_refused_at_the_door() -> None:
    for arguments, message in [
        ({"step_size": 0.0}, "step_size is"),
        ({"steps": 0}, "steps is 0"),
        ({"mass": -1.0}, "mass is"),
    ]:
        with pytest.raises(ValueError, match=message):
            HMC(gumbel, **arguments)
    with pytest.raises(ValueError, match="mass has 3 entries"):
        HMC(gumbel, mass=torch.ones(3))(torch.zeros(1, 2), seeded())
    with pytest.raises(ValueError, match="log_density is nan at state"):
        HMC(lambda w: w.sum(1) * math.nan)(torch.zeros(1, 2), seeded())
    with pytest.raises(ValueError, match="has no gradient"):
        HMC(lambda w: gumbel(w.detach()))(torch.zeros(1, 2), seeded())
    with pytest.raises(ValueError, match="gradient of log_density is"):
        HMC(lambda w: -w.abs().sqrt().sum(1))(torch.zeros(1, 2), seeded())
    with pytest.raises(ValueError, match="accept is 1"):
        tuned(HMC(gumbel), torch.zeros(1, 2), seeded(), accept=1.0)
