"""EP and Laplace: exact where one factor is all there is, fixed points proved by independent
integrals, quadrature beside them.
"""

from __future__ import annotations

import math
import warnings
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import expit
from torch import Tensor

from distillery.inference.ep import Schedule, expectation_propagation
from distillery.inference.laplace import laplace
from distillery.inference.logistic_gaussian import Method, tilted
from distillery.inference.quadrature import LogisticTruth
from distillery.models.bayes import LogisticPosterior, classifier_data


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def problem(n: int, dimension: int, seed: int, scale: float = 2.0) -> LogisticPosterior:
    x = scale * torch.randn(n, dimension, generator=rng(seed), dtype=torch.float64)
    w = torch.randn(dimension, generator=rng(seed + 1), dtype=torch.float64)
    return LogisticPosterior(x, torch.bernoulli(torch.sigmoid(x @ w), generator=rng(seed + 2)))


def moments(mean: float, variance: float) -> tuple[float, float, float]:
    """log int sigmoid N, and the tilted mean and variance, by scipy's adaptive quadrature."""
    peak = mean if mean > 0 else min(mean + variance, 0.0)
    breaks = [peak + s * math.sqrt(variance) for s in (-12, -4, 0, 4, 12)] + [
        z for z in (-10, 0, 10) if abs(z - peak) < 12 * math.sqrt(variance)
    ]
    edges = sorted(breaks)
    top = -np.logaddexp(0, -peak) - 0.5 * (peak - mean) ** 2 / variance

    def integral(power: int) -> float:
        def integrand(z: float) -> float:
            return float(
                (z - peak) ** power
                * np.exp(-np.logaddexp(0, -z) - 0.5 * (z - mean) ** 2 / variance - top)
            )

        return sum(
            quad(integrand, a, b, epsabs=0, epsrel=1e-11, limit=200)[0] for a, b in pairwise(edges)
        )

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # scipy remarks that round-off keeps it from the last digits
        mass, first, second = (integral(power) for power in range(3))
    return (
        math.log(mass) + top - 0.5 * math.log(2 * math.pi * variance),
        peak + first / mass,
        second / mass - (first / mass) ** 2,
    )


@pytest.mark.parametrize("mean", [-30.0, -4.0, 0.0, 0.7, 25.0])
@pytest.mark.parametrize("width", [0.05, 1.0, 4.0, 40.0])
def test_the_tilted_moments_agree_with_adaptive_quadrature(mean: float, width: float) -> None:
    mine = tilted(np.array([mean]), np.array([width**2]))
    log_mass, center, variance = moments(mean, width**2)
    assert mine.log_mass[0] == pytest.approx(log_mass, abs=1e-9)
    assert mean + width**2 * mine.slope[0] == pytest.approx(center, rel=1e-8, abs=1e-8)
    assert width**2 * (1 - width**2 * mine.curvature[0]) == pytest.approx(variance, rel=1e-6)


def test_mackays_approximation_has_the_derivatives_it_says() -> None:
    mean, variance, step = (
        np.linspace(-9, 9, 7),
        np.array([0.1, 1.0, 3.0, 9.0, 30.0, 100.0, 900.0]),
        1e-4,
    )
    low, mid, high = (tilted(mean + d, variance, "mackay").log_mass for d in (-step, 0.0, step))
    found = tilted(mean, variance, "mackay")
    np.testing.assert_allclose(
        mid, np.log(expit(mean / np.sqrt(1 + np.pi / 8 * variance))), rtol=1e-9
    )
    np.testing.assert_allclose(found.slope, (high - low) / (2 * step), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(
        found.curvature, -(high - 2 * mid + low) / step**2, rtol=1e-3, atol=1e-6
    )


def test_with_one_data_point_ep_is_exact() -> None:
    x, v = torch.tensor([[1.5, -2.0]], dtype=torch.float64), 9.0
    found = expectation_propagation(LogisticPosterior(x, torch.ones(1), prior_variance=v))
    along = (
        float(x.square().sum()) * v
    )  # the prior variance of z; w moves with z by the regression of w on z
    log_mass, center, variance = moments(0.0, along)
    slope = v * x[0] / along
    torch.testing.assert_close(found.mean, slope * center, rtol=1e-7, atol=1e-7)
    expected = v * torch.eye(2, dtype=torch.float64) + torch.outer(slope, slope) * (
        variance - along
    )
    torch.testing.assert_close(found.covariance, expected, rtol=1e-7, atol=1e-7)
    assert found.log_evidence == pytest.approx(log_mass, abs=1e-8)


@pytest.mark.parametrize("schedule", ["together", "in turn"])
def test_at_the_fixed_point_no_tilted_moment_differs_from_the_posteriors(
    schedule: Schedule,
) -> None:
    posterior = problem(15, 3, seed=3)
    found = expectation_propagation(posterior, schedule=schedule, tolerance=1e-11)
    z = posterior.signed @ found.mean
    variance = ((posterior.signed @ found.covariance) * posterior.signed).sum(1)
    precision = (
        torch.linalg.inv(found.covariance)
        - torch.eye(3, dtype=torch.float64) / posterior.prior_variance
    )
    for n in range(15):
        center, width = _cavity(posterior, found.mean, found.covariance, n)
        _, tilted_mean, tilted_variance = moments(center, width)
        assert tilted_mean == pytest.approx(float(z[n]), abs=1e-6)
        assert tilted_variance == pytest.approx(float(variance[n]), rel=1e-6)
    assert bool((torch.linalg.eigvalsh(precision) > -1e-12).all())


def _cavity(
    posterior: LogisticPosterior, mean: Tensor, covariance: Tensor, n: int
) -> tuple[float, float]:
    """The one cavity of z_n whose tilted moments are the posterior's: found by solving for it, not
    from EP's factors.
    """
    from scipy.optimize import fsolve

    x = posterior.signed[n]
    target = float(x @ mean), float(x @ covariance @ x)

    def off(cavity: np.ndarray) -> list[float]:
        found = tilted(cavity[:1], np.exp(cavity[1:]))
        v = math.exp(cavity[1])
        return [
            cavity[0] + v * found.slope[0] - target[0],
            math.log(v * (1 - v * found.curvature[0]) / target[1]),
        ]

    center, log_width = fsolve(off, [target[0] - 1.0, math.log(target[1]) + 0.1], xtol=1e-13)
    return float(center), math.exp(log_width)


@pytest.mark.parametrize("method", get_args(Method))
def test_both_schedules_reach_the_same_fixed_point(method: Method) -> None:
    posterior = problem(30, 2, seed=5)
    one, other = (
        expectation_propagation(posterior, moments=method, schedule=s, tolerance=1e-10)
        for s in ("together", "in turn")
    )
    torch.testing.assert_close(one.mean, other.mean, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(one.covariance, other.covariance, rtol=1e-6, atol=1e-6)
    assert one.log_evidence == pytest.approx(other.log_evidence, abs=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_ep_settles_on_problems_of_all_kinds(seed: int) -> None:
    posterior = problem(5 + 11 * seed, 1 + seed % 6, seed=seed, scale=math.exp(seed % 5 - 1))
    for method in get_args(Method):
        assert expectation_propagation(posterior, moments=method).converged


def test_on_many_data_ep_is_close_to_the_truth_and_closer_than_laplace() -> None:
    posterior = problem(200, 2, seed=8, scale=0.5)
    truth, ep, mode = (
        LogisticTruth(posterior),
        expectation_propagation(posterior),
        laplace(posterior),
    )
    width = truth.covariance.trace().sqrt()
    means = [float((found.mean - truth.mean).norm() / width) for found in (ep, mode)]
    covariances = [
        float((found.covariance - truth.covariance).norm() / truth.covariance.norm())
        for found in (ep, mode)
    ]
    evidences = [abs(found.log_evidence - float(truth.log_evidence)) for found in (ep, mode)]
    for (mine, rival), limit in zip(
        (means, covariances, evidences), (0.002, 0.02, 0.005), strict=True
    ):
        assert mine < limit
        assert mine < rival


def test_ep_understates_the_width_of_the_separable_thesis_posterior() -> None:
    """Twenty-four factors that all say the same half-plane: each is matched in a cavity that the
    others have already narrowed.
    """
    posterior = LogisticPosterior(*classifier_data(rng()))
    ratio = (
        expectation_propagation(posterior).covariance.diagonal()
        / LogisticTruth(posterior).covariance.diagonal()
    )
    assert bool((ratio < 0.96).all())
    assert float(ratio[0]) < 0.6


def test_on_separable_data_ep_works_and_says_so() -> None:
    posterior = LogisticPosterior(*classifier_data(rng()))
    found = expectation_propagation(posterior)
    assert found.separable
    assert found.converged
    assert bool((posterior.signed @ found.mean > 0).all())
    assert not expectation_propagation(problem(60, 2, seed=8, scale=1.0)).separable


def test_predictions_of_the_thesis_setup_err_by_less_than_a_tenth() -> None:
    posterior = LogisticPosterior(*classifier_data(rng()))
    grid = torch.linspace(-10, 10, 9, dtype=torch.float64)
    x = torch.cartesian_prod(grid, grid)
    truth = LogisticTruth(posterior).probs(x)
    found = expectation_propagation(posterior)
    errors = [float((found.probs(x, method=m) - truth.value).abs().max()) for m in get_args(Method)]
    assert max(errors) < 0.1
    assert float((laplace(posterior).probs(x) - truth.value).abs().max()) > 2 * errors[0]
    torch.testing.assert_close(found.log_probs(x).exp().sum(1), torch.ones(81, dtype=torch.float64))


def test_the_laplace_mean_is_the_mode_and_its_covariance_the_curvature_there() -> None:
    posterior = problem(20, 3, seed=1)
    found = laplace(posterior)
    assert found.gradient_norm < 1e-9
    hessian = torch.autograd.functional.hessian(_plain(posterior), found.mean)
    torch.testing.assert_close(torch.linalg.inv(-hessian), found.covariance, rtol=1e-8, atol=1e-8)


def _plain(posterior: LogisticPosterior):  # type: ignore[no-untyped-def]
    return lambda w: (
        torch.nn.functional.logsigmoid(posterior.signed @ w).sum()
        - w.square().sum() / (2 * posterior.prior_variance)
    )


def test_inputs_that_are_zero_count_as_tosses_of_a_coin() -> None:
    posterior = problem(10, 2, seed=2)
    padded = LogisticPosterior(
        torch.cat([posterior.x, torch.zeros(2, 2)]), torch.cat([posterior.y, torch.tensor([0, 1])])
    )
    one, other = expectation_propagation(posterior), expectation_propagation(padded)
    torch.testing.assert_close(one.mean, other.mean)
    assert other.log_evidence == pytest.approx(one.log_evidence + 2 * math.log(0.5), abs=1e-9)
    assert not other.separable


def test_a_run_cut_short_warns_and_says_so() -> None:
    with pytest.warns(RuntimeWarning, match="not settled after 2 sweeps"):
        found = expectation_propagation(problem(20, 2, seed=0), sweeps=2)
    assert not found.converged


def test_damping_changes_the_way_and_not_the_goal() -> None:
    posterior = problem(12, 2, seed=4)
    torch.testing.assert_close(
        expectation_propagation(posterior, damping=0.5).mean,
        expectation_propagation(posterior).mean,
        rtol=1e-5,
        atol=1e-6,
    )


def test_unknown_names_are_refused_with_the_nearest() -> None:
    posterior = problem(3, 2, seed=0)
    with pytest.raises(ValueError, match=r"did you mean 'mackay'"):
        expectation_propagation(posterior, moments="mckay")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"did you mean 'in turn'"):
        expectation_propagation(posterior, schedule="in-turn")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="damping is 1"):
        expectation_propagation(posterior, damping=1.0)
    with pytest.raises(ValueError, match="the weights have 2 entries"):
        laplace(posterior).probs(torch.zeros(4, 3))
