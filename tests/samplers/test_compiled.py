from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numba import njit
from scipy import stats

from distillery.generators.chain import Chain
from distillery.samplers.compiled import CompiledSlice
from distillery.samplers.slice import Slice
from distillery.samplers.vectorized import exp, kernel


@kernel
def gumbels(w, data):  # type: ignore[no-untyped-def]
    """Gumbel on every axis, shifted by the data; what lies beyond the last datum has the log
    density of that datum.
    """
    (shift, edge, beyond) = data
    total = 0.0
    for axis in range(len(w)):
        if w[axis] > edge[0]:
            return beyond[0]
        total -= (w[axis] - shift[axis]) + exp(-(w[axis] - shift[axis]))
    return total


def target(
    shift: tuple[float, ...] = (0.0, 0.0), edge: float = 1e9, beyond: float = -math.inf
) -> tuple[np.ndarray, ...]:
    return np.array(shift), np.array([edge]), np.array([beyond])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gumbel_draws(*shape: int) -> torch.Tensor:
    return -torch.log(torch.empty(shape, dtype=torch.float64).exponential_(generator=seeded(7)))


@pytest.mark.parametrize(
    ("width", "max_steps"), [(2.0, 100), (0.3, 3), (6.0, 1), (torch.tensor([0.5, 4.0]), 2)]
)
def test_exact_draws_of_a_skewed_target_stay_exact_draws(width: float, max_steps: int) -> None:
    moved = CompiledSlice(gumbels, target(), width=width, max_steps=max_steps).trace(
        gumbel_draws(20_000, 2), seeded(), 4
    )[-1]
    for axis in range(2):
        assert stats.kstest(moved[:, axis].numpy(), stats.gumbel_r.cdf).pvalue > 1e-3


def test_one_step_is_distributed_as_that_of_the_torch_sampler() -> None:
    start = torch.full((8000, 2), 1.5, dtype=torch.float64)
    compiled = CompiledSlice(gumbels, target(), width=0.8, max_steps=3)(start, seeded())
    plain = Slice(lambda w: (-w - torch.exp(-w)).sum(1), width=0.8, max_steps=3)(start, seeded(1))
    for axis in range(2):
        assert stats.ks_2samp(compiled[:, axis].numpy(), plain[:, axis].numpy()).pvalue > 1e-3


def test_chains_and_sweeps_are_independent_of_one_another() -> None:
    moved = CompiledSlice(gumbels, target(), width=2.0).trace(
        torch.full((2000, 2), 1.0, dtype=torch.float64), seeded(), 30
    )
    assert len(moved.flatten().unique()) == moved.numel()
    neighbours = np.corrcoef(moved[-1, :-1, 0], moved[-1, 1:, 0])[0, 1]
    assert abs(neighbours) < 4 / math.sqrt(2000)


def test_ranks_of_the_truth_among_posterior_draws_are_uniform() -> None:
    """Simulation-based calibration: the joint is p(shift) p(w | shift), so the posterior of w is
    the kernel, wherever the shift falls.
    """
    rng, ranks = seeded(5), []
    for _ in range(1000):
        shift = torch.randn(1, generator=rng, dtype=torch.float64)
        truth = shift - torch.log(torch.empty(1, dtype=torch.float64).exponential_(generator=rng))
        step = CompiledSlice(gumbels, target((float(shift),)), width=3.0)
        draws = step.trace(torch.randn(9, 1, generator=rng, dtype=torch.float64), rng, 12)[-1]
        ranks.append(int((draws[:, 0] < truth).sum()))
    assert stats.chisquare(np.bincount(ranks, minlength=10)).pvalue > 1e-3


def test_a_trace_is_what_as_many_steps_give_bit_for_bit() -> None:
    step, state, rng = CompiledSlice(gumbels, target()), gumbel_draws(5, 2), seeded(3)
    trace = step.trace(state, seeded(3), 20)
    for expected in trace:
        state = step(state, rng)
        assert torch.equal(state, expected)
    chain = Chain(step, gumbel_draws(5, 2), rng=seeded(3), burn_in=8, thin=3)
    assert torch.equal(chain.trace(4), trace[[10, 13, 16, 19]])


def test_a_step_is_pure() -> None:
    step, state = CompiledSlice(gumbels, target()), gumbel_draws(5, 2)
    before = state.clone()
    assert torch.equal(step(state, seeded(1)), step(state, seeded(1)))
    assert torch.equal(state, before)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_log_density_of_nan_or_infinity_is_refused_and_names_the_state(value: float) -> None:
    step = CompiledSlice(gumbels, target(edge=2.0, beyond=value), width=1.0)
    with pytest.raises(
        ValueError, match=rf"log_density is {value} at state \([0-9.-]+, [0-9.-]+\)"
    ):
        step.trace(torch.full((3, 2), 1.5, dtype=torch.float64), seeded(), 50)


def test_a_start_of_zero_density_is_refused() -> None:
    step = CompiledSlice(gumbels, target(edge=2.0))
    start = torch.tensor([[1.0, 1.0], [3.0, 1.0]], dtype=torch.float64)
    with pytest.raises(ValueError, match=r"chain 1 starts at \(3, 1\), where the density is zero"):
        step(start, seeded())
    with pytest.raises(ValueError, match="where the density is zero"):
        Chain(step, start, rng=seeded())


def test_functions_and_states_of_a_wrong_kind_are_refused() -> None:
    with pytest.raises(TypeError, match=r"compiled by numba\.njit"):
        CompiledSlice(lambda w, data: 0.0)
    with pytest.raises(ValueError, match="float64"):
        CompiledSlice(gumbels, target())(torch.zeros(2, 2), seeded())
    with pytest.raises(ValueError, match="width is"):
        CompiledSlice(gumbels, target(), width=0.0)


def test_the_written_out_exponential_is_exact_to_thirteen_digits() -> None:
    @njit
    def every(x):  # type: ignore[no-untyped-def]
        return np.array([exp(value) for value in x])

    x = np.concatenate([np.linspace(-708, 708, 5001), np.linspace(-1, 1, 2001)])
    assert np.abs(every(x) / np.exp(x) - 1).max() < 1e-13
    assert every(np.array([-1e4]))[0] < 1e-300
