"""EM: scikit-learn from the same start, ascent, stationarity, and the two degenerate cases."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from distillery.inference.em import fit, spread_start
from distillery.models.mixture import Mixture


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clusters(n: int, dimension: int, seed: int = 0) -> Tensor:
    stream = rng(seed)
    centers = 3 * torch.randn(3, dimension, generator=stream, dtype=torch.float64)
    stretch = torch.randn(3, dimension, dimension, generator=stream, dtype=torch.float64)
    which = torch.randint(3, (n,), generator=stream)
    noise = torch.randn(n, dimension, 1, generator=stream, dtype=torch.float64)
    return (
        centers[which]
        + (stretch[which] @ noise).squeeze(2)
        + 0.3 * torch.randn(n, dimension, generator=stream, dtype=torch.float64)
    )


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_from_the_same_start_scikit_learn_takes_the_same_steps(dimension: int) -> None:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    x = clusters(400, dimension)
    start = spread_start(x, 3, rng=rng(1))
    mine = fit(x, start, steps=25, tolerance=0.0)
    weights, means, covariances = (
        value.detach() for value in (start.weights, start.means, start.covariances)
    )
    theirs = GaussianMixture(
        3,
        tol=0.0,
        max_iter=25,
        reg_covar=0.0,
        weights_init=weights,
        means_init=means,
        precisions_init=torch.linalg.inv(covariances),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(x.numpy())
    torch.testing.assert_close(
        mine.mixture.means.detach(), torch.from_numpy(theirs.means_), rtol=1e-8, atol=1e-8
    )
    torch.testing.assert_close(
        mine.mixture.covariances.detach(),
        torch.from_numpy(theirs.covariances_),
        rtol=1e-8,
        atol=1e-8,
    )
    torch.testing.assert_close(
        mine.mixture.weights.detach(), torch.from_numpy(theirs.weights_), rtol=1e-8, atol=1e-8
    )


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 5), st.integers(5, 60))
def test_the_likelihood_never_falls(seed: int, dimension: int, components: int, n: int) -> None:
    x = clusters(n, dimension, seed)
    x[: n // 3] = x[0].clone()  # ties tempt a component to collapse
    found = fit(x, spread_start(x, components, rng=rng(seed)), steps=60, tolerance=0.0)
    rises = found.log_likelihoods.diff()
    assert bool((rises > -1e-9).all()), rises.min()


def test_at_convergence_the_gradient_is_zero() -> None:
    x = clusters(300, 2)
    found = fit(x, spread_start(x, 3, rng=rng(2)), tolerance=1e-15, steps=5000)
    found.mixture.log_prob(x).mean().backward()
    assert found.converged
    assert (
        max(float(p.grad.abs().max()) for p in found.mixture.parameters() if p.grad is not None)
        < 1e-5
    )


def test_the_reported_likelihood_is_the_mixtures_own() -> None:
    x = clusters(100, 2)
    found = fit(x, spread_start(x, 2, rng=rng()), steps=7, tolerance=0.0)
    assert found.steps == 7
    assert float(found.log_likelihoods[-1]) == pytest.approx(
        found.mixture.log_prob(x).mean().item(), abs=1e-12
    )


def test_one_component_is_the_sample_mean_and_covariance_after_one_step() -> None:
    x = clusters(50, 3)
    found = fit(x, spread_start(x, 1, rng=rng()), steps=1)
    torch.testing.assert_close(found.mixture.means[0].detach(), x.mean(0))
    torch.testing.assert_close(found.mixture.covariances[0].detach(), x.T.cov(correction=0))


def test_counts_are_repetitions() -> None:
    x, counts = clusters(40, 2), torch.randint(1, 4, (40,), generator=rng(5))
    start = spread_start(x, 2, rng=rng())
    torch.testing.assert_close(
        fit(x, start, steps=20, tolerance=0.0, counts=counts).mixture.means,
        fit(x.repeat_interleave(counts, 0), start, steps=20, tolerance=0.0).mixture.means,
    )


def test_units_and_origin_do_not_matter() -> None:
    x = clusters(200, 2)
    start = spread_start(x, 2, rng=rng())
    scale, shift = (
        torch.tensor([1e-4, 1e3], dtype=torch.float64),
        torch.tensor([1.0, 1e6], dtype=torch.float64),
    )
    moved = Mixture(
        start.weights, start.means * scale + shift, start.covariances * scale[:, None] * scale
    )
    one, other = (
        fit(x, start, steps=30, tolerance=0.0),
        fit(x * scale + shift, moved, steps=30, tolerance=0.0),
    )
    torch.testing.assert_close(
        (other.mixture.means - shift) / scale, one.mixture.means, rtol=1e-6, atol=1e-6
    )


def test_a_component_that_collapses_is_held_at_the_floor_and_reported() -> None:
    x = torch.cat(
        [torch.zeros(30, dtype=torch.float64), torch.linspace(-3, 3, 30, dtype=torch.float64)]
    )
    start = Mixture(
        torch.tensor([0.5, 0.5]).double(),
        torch.zeros(2).double(),
        torch.tensor([0.01, 1.0]).double(),
    )
    found = fit(x, start, floor=1e-4)
    assert found.floored == (0,)
    assert found.mixture.covariances[0].item() == pytest.approx(
        1e-4 * float(x.var(correction=0)), rel=1e-6
    )
    assert bool((found.log_likelihoods.diff() > -1e-9).all())


def test_a_component_that_no_point_belongs_to_keeps_its_place_at_weight_zero() -> None:
    x = clusters(50, 1)
    start = Mixture(
        torch.tensor([0.5, 0.5]).double(),
        torch.tensor([0.0, 1e4]).double(),
        torch.tensor([1.0, 1e-2]).double(),
    )
    found = fit(x, start)
    assert found.empty == (1,)
    assert found.mixture.means[1].item() == pytest.approx(1e4)
    assert math.isfinite(float(found.log_likelihoods[-1]))


def test_bad_input_is_refused() -> None:
    start = spread_start(clusters(50, 2), 3, rng=rng())
    with pytest.raises(ValueError, match="2 points for 3 components"):
        fit(torch.zeros(2, 2), start)
    with pytest.raises(ValueError, match="1 numbers that are not finite"):
        fit(
            torch.tensor([[0.0, math.nan]])
            .expand(5, 2)
            .clone()
            .index_fill_(0, torch.arange(4), 1.0),
            start,
        )
    with pytest.raises(ValueError, match="must vary in every coordinate"):
        fit(torch.ones(5, 2), start)
    with pytest.raises(ValueError, match="components is 9 for 5 points"):
        spread_start(torch.zeros(5, 2), 9, rng=rng())
    with pytest.raises(ValueError, match="one non-negative weight for each of the 50 points"):
        fit(clusters(50, 2), start, counts=torch.ones(3))
