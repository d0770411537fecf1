from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from distillery.samplers.diagnostics import (
    _normal_scores,
    autocorrelation,
    autocovariance,
    effective_sample_size,
    split_rhat,
    standard_error,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def autoregression(phi: float, sweeps: int, chains: int, seed: int = 0) -> Tensor:
    """x' = phi x + noise, from its stationary law: correlation phi^lag, effective size n (1 - phi)
    / (1 + phi).
    """
    noise = torch.randn(sweeps, chains, generator=seeded(seed), dtype=torch.float64)
    draws = [noise[0] / math.sqrt(1 - phi**2)]
    for fresh in noise[1:]:
        draws.append(phi * draws[-1] + fresh)
    return torch.stack(draws)


def waves(sweeps: int = 60, chains: int = 3) -> Tensor:
    """Numbers without a random stream, the same on any machine."""
    grid = torch.arange(sweeps * chains, dtype=torch.float64).view(chains, sweeps).T
    return torch.sin(grid * grid * 0.37) + 0.3 * torch.sin(grid * 0.2)


def brute_force_size(draws: np.ndarray) -> float:
    """The definition, lag by lag: halves, variance within and between, Geyer's positive and
    monotone pairs.
    """
    half = len(draws) // 2
    halves = [chain for pair in draws.T for chain in (pair[:half], pair[-half:])]
    covariance = [
        np.mean([np.dot(c[: half - lag] - c.mean(), c[lag:] - c.mean()) / half for c in halves])
        for lag in range(half)
    ]
    within = covariance[0] * half / (half - 1)
    total = covariance[0] + np.var([c.mean() for c in halves], ddof=1)
    rho = [1.0] + [1 - (within - covariance[lag]) / total for lag in range(1, half)]
    time, cap, lag = -1.0, math.inf, 0
    while lag + 4 < half and rho[lag] + rho[lag + 1] > 0:
        cap = min(cap, rho[lag] + rho[lag + 1])
        time += 2 * cap
        lag += 2
    time += max(rho[lag], 0.0)
    size = len(halves) * half
    return size / max(time, 1 / math.log10(size))


def test_autocovariance_is_the_sum_of_products_lag_by_lag() -> None:
    draws = waves(21, 2)
    centred = draws - draws.mean(0)
    for lag in range(21):
        assert torch.allclose(
            autocovariance(draws)[lag],
            (centred[: 21 - lag] * centred[lag:]).sum(0) / 21,
            atol=1e-12,
        )
    assert torch.equal(autocorrelation(draws)[0], torch.ones(2, dtype=torch.float64))


def test_autocorrelation_of_an_autoregression_falls_as_its_powers() -> None:
    rho = autocorrelation(autoregression(0.7, 4000, 20)).mean(1)
    for lag in (1, 2, 5):
        assert abs(rho[lag] - 0.7**lag) < 0.02


@pytest.mark.parametrize("phi", [-0.5, 0.0, 0.5, 0.9])
def test_effective_size_is_the_one_written_out_by_brute_force(phi: float) -> None:
    for seed in range(5):
        draws = autoregression(phi, 101, 3, seed)
        assert float(effective_sample_size(draws)) == pytest.approx(
            brute_force_size(draws.numpy()), rel=1e-9
        )


@pytest.mark.parametrize("phi", [-0.4, 0.0, 0.6, 0.9])
def test_effective_size_of_an_autoregression_is_the_known_one(phi: float) -> None:
    sizes = torch.stack(
        [effective_sample_size(autoregression(phi, 2000, 4, seed)) for seed in range(25)]
    )
    known = 8000 * (1 - phi) / (1 + phi)
    assert abs(sizes.mean() / known - 1) < 4 * sizes.std() / 5 / known + 0.05


def test_the_standard_error_is_the_spread_of_the_mean() -> None:
    """z-values of many chains' means, each judged by its own standard error, have variance 1."""
    groups = autoregression(0.8, 1000, 800).split(4, 1)
    z = torch.stack([draws.mean() / standard_error(draws) for draws in groups])
    assert abs(z.square().mean() - 1) < 4 * math.sqrt(2 / 200) + 0.05


def test_numbers_agree_with_arviz() -> None:
    """Recorded from ArviZ 0.23.4: ess "mean" and "bulk", rhat "split" and "rank"."""
    draws = waves()
    assert float(effective_sample_size(draws)) == pytest.approx(ARVIZ["mean"], rel=1e-9)
    assert float(effective_sample_size(draws, rank=True)) == pytest.approx(ARVIZ["bulk"], rel=1e-6)
    assert float(split_rhat(draws)) == pytest.approx(ARVIZ["split"], rel=1e-9)
    assert float(split_rhat(draws, rank=True)) == pytest.approx(ARVIZ["rank"], rel=1e-6)


ARVIZ = {
    "mean": 134.5408485277527,
    "bulk": 119.22659229564005,
    "split": 1.0092032487743543,
    "rank": 1.0079413641111534,
}


def test_split_rhat_is_the_ratio_of_variances_written_out() -> None:
    draws = waves(40, 2)
    halves = torch.cat([draws[:20], draws[20:]], 1).numpy()
    within, between = halves.var(0, ddof=1).mean(), 20 * halves.mean(0).var(ddof=1)
    assert float(split_rhat(draws)) == pytest.approx(
        math.sqrt((19 / 20 * within + between / 20) / within)
    )


def test_rhat_is_near_one_when_chains_agree_and_far_when_one_sits_elsewhere() -> None:
    draws = torch.randn(500, 4, generator=seeded(), dtype=torch.float64)
    assert torch.maximum(split_rhat(draws), split_rhat(draws, rank=True)) < 1.01
    apart = draws + torch.tensor([0.0, 0.0, 0.0, 3.0])
    assert torch.minimum(split_rhat(apart), split_rhat(apart, rank=True)) > 1.3
    assert effective_sample_size(apart) < 20
    drifting = draws + torch.linspace(0, 4, 500)[:, None]
    assert split_rhat(drifting) > 1.3, "halves disagree although chains agree"


def test_ranks_see_what_means_cannot() -> None:
    """One chain of a wider scale and heavy tails leaves the plain R-hat near 1; the folded ranks
    expose it.
    """
    draws = torch.randn(500, 4, generator=seeded(), dtype=torch.float64)
    wide = draws * torch.tensor([1.0, 1.0, 1.0, 5.0])
    assert split_rhat(wide) < 1.02
    assert split_rhat(wide, rank=True) > 1.1
    assert torch.allclose(
        effective_sample_size(draws, rank=True),
        effective_sample_size(torch.exp(3 * draws), rank=True),
    )


def test_normal_scores_share_the_rank_of_ties() -> None:
    values = torch.tensor([[3.0, 1.0], [1.0, 2.0], [1.0, 5.0]], dtype=torch.float64)
    expected = stats.norm.ppf((stats.rankdata(values.numpy().ravel()) - 0.375) / 6.25).reshape(3, 2)
    assert np.allclose(_normal_scores(values).numpy(), expected)


def test_dimensions_are_judged_one_by_one() -> None:
    draws = torch.stack([autoregression(phi, 300, 3) for phi in (0.0, 0.5, 0.9)], -1)
    for measure in (effective_sample_size, split_rhat, standard_error):
        each = torch.stack([measure(draws[..., d]) for d in range(3)])
        assert torch.allclose(measure(draws), each)
    assert torch.allclose(
        split_rhat(draws, rank=True),
        torch.stack([split_rhat(draws[..., d], rank=True) for d in range(3)]),
    )


def test_one_chain_suffices_and_a_constant_counts_in_full() -> None:
    assert 200 < effective_sample_size(autoregression(0.5, 1000, 1)) < 500
    assert effective_sample_size(torch.ones(50, 2)) == 100


def test_bad_draws_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(5, 2\)"):
        effective_sample_size(torch.zeros(5, 2))
    with pytest.raises(ValueError, match=r"shape \(50,\)"):
        split_rhat(torch.zeros(50))
    with pytest.raises(ValueError, match="not finite"):
        standard_error(torch.full((20, 2), math.nan))
