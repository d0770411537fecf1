"""The truth about both posteriors: closed forms, enumeration and Monte Carlo agree with it within
its own error or theirs.
"""

from __future__ import annotations

import itertools
import math
from functools import cache

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from distillery.inference.em import fit
from distillery.inference.mixture_truth import MixtureTruth
from distillery.inference.quadrature import LogisticTruth, divergence
from distillery.models.bayes import (
    LogisticPosterior,
    MixturePosterior,
    classifier_data,
    mixture_data,
)
from distillery.models.mixture import Mixture


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(mean: float, width: float) -> Normal:
    return Normal(*torch.tensor([mean, width], dtype=torch.float64))


@cache
def thesis_truth(n: int) -> MixtureTruth:
    return MixtureTruth(thesis_mixture(n))


def thesis_mixture(n: int) -> MixturePosterior:
    return MixturePosterior(mixture_data(n, rng(n)))


def test_the_divergence_of_two_gaussians_is_the_closed_form() -> None:
    p, q = normal(0.5, 2.0), normal(-1.0, 3.0)
    found = divergence(p.log_prob, q.log_prob, (-30.0, 30.0), points=2001)
    assert float(found) == pytest.approx(float(torch.distributions.kl_divergence(p, q)), abs=1e-12)
    assert float(found.error) < 1e-10


def test_a_density_is_at_distance_zero_from_itself() -> None:
    p = normal(0.0, 1.0)
    assert float(divergence(p.log_prob, p.log_prob, (-9.0, 9.0))) == 0


@pytest.mark.parametrize("n", [1, 7, 400])
def test_one_unknown_mean_is_the_conjugate_closed_form(n: int) -> None:
    x = 3 + torch.randn(n, generator=rng(n), dtype=torch.float64)
    truth = MixtureTruth(MixturePosterior(x, weights=(1.0,), variances=(2.0,)))
    precision = n / 2 + 1 / 100
    mean, points = float(x.sum()) / 2 / precision, torch.linspace(-6, 10, 50, dtype=torch.float64)
    exact = normal(mean, math.sqrt(2 + 1 / precision)).log_prob(points)
    torch.testing.assert_close(truth.log_prob(points), exact, rtol=0, atol=1e-9)
    cov = 2 * torch.eye(n, dtype=torch.float64) + 100
    evidence = torch.distributions.MultivariateNormal(
        torch.zeros(n, dtype=torch.float64), cov
    ).log_prob(x)
    assert float(truth.log_evidence) == pytest.approx(float(evidence), abs=1e-8)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_predictive_density_agrees_with_summing_over_all_assignments(n: int) -> None:
    posterior, points = thesis_mixture(n), torch.linspace(-30, 30, 121, dtype=torch.float64)
    truth = MixtureTruth(posterior)
    log_evidence, density = enumerated(posterior, points)
    found = truth.prob(points)
    assert bool(((found.value - density).abs() <= found.error + 1e-12 * density).all())
    assert abs(float(truth.log_evidence) - log_evidence) <= float(truth.log_evidence.error) + 1e-12
    assert float((found.error / found.value).max()) < 1e-6


def enumerated(posterior: MixturePosterior, points: Tensor) -> tuple[float, Tensor]:
    """The posterior as the sum of K^N Gaussians that it is: one for every assignment of the data to
    the components.
    """
    logs, densities = [], []
    for assignment in itertools.product(range(posterior.dimension), repeat=len(posterior.x)):
        log_weight, density = len(posterior.x) * math.log(1 / 3), torch.zeros_like(points)
        for k, s in enumerate(posterior.variances.tolist()):
            mine = posterior.x[torch.tensor([a == k for a in assignment])]
            precision = len(mine) / s + 1 / posterior.prior_variance
            mean = float(mine.sum()) / s / precision
            log_weight += -0.5 * (
                len(mine) * math.log(2 * math.pi * s) + float(mine.square().sum()) / s
            )
            log_weight += 0.5 * (
                precision * mean**2 - math.log(posterior.prior_variance * precision)
            )
            density = (
                density + normal(mean, math.sqrt(s + 1 / precision)).log_prob(points).exp() / 3
            )
        logs.append(log_weight)
        densities.append(density)
    weights = torch.tensor(logs, dtype=torch.float64)
    return float(weights.logsumexp(0)), weights.softmax(0) @ torch.stack(densities)


def test_no_mode_is_lost_when_many_data_make_them_narrow() -> None:
    """Weights and variances alike: the posterior is symmetric, six equal modes, whichever of them
    the climb found.
    """
    truth = MixtureTruth(MixturePosterior(mixture_data(100, rng()), variances=(1.5, 1.5, 1.5)))
    assert list(truth.orders.values()) == pytest.approx([1 / 6] * 6, abs=0.01)
    nodes, masses = zip(*(truth.marginal(k) for k in range(3)), strict=True)
    means = [float(m @ p) for m, p in zip(nodes, masses, strict=True)]
    assert means == pytest.approx([means[0]] * 3, abs=1e-5)


@pytest.mark.parametrize("n", [10, 500])
def test_the_marginals_agree_with_a_brute_force_grid_of_importance_samples(n: int) -> None:
    truth, draws = thesis_truth(n), 200_000
    posterior = truth.posterior
    moments = [
        (float(m @ p), float((m - m @ p).square() @ p))
        for m, p in (truth.marginal(k) for k in range(3))
    ]
    center = torch.tensor([m for m, _ in moments], dtype=torch.float64)
    scale = 1.5 * torch.tensor([v for _, v in moments], dtype=torch.float64).sqrt()
    proposal = torch.distributions.StudentT(torch.tensor(5.0, dtype=torch.float64), center, scale)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        w = proposal.sample((draws if n < 100 else 20_000,))
    ratio = (posterior(w) - proposal.log_prob(w).sum(1) - truth.log_evidence.value).exp()
    error = float(ratio.std()) / math.sqrt(len(w))
    assert abs(float(ratio.mean()) - 1) < 4.5 * error
    assert error < 0.1
    below = (w[:, 0] < center[0]).double() * ratio
    nodes, masses = truth.marginal(0)
    exact = float(masses[nodes < center[0]].sum())
    assert abs(float(below.mean()) - exact) < 4.5 * float(below.std()) / math.sqrt(len(w)) + 0.02


@pytest.mark.parametrize("n", [2, 500])
def test_the_predictive_density_integrates_to_one_and_its_projection_is_near(n: int) -> None:
    truth = thesis_truth(n)
    posterior = truth.posterior
    low, high = truth.interval
    x = torch.linspace(low, high, 4001, dtype=torch.float64)
    assert float(torch.trapezoid(truth.prob(x).value, x)) == pytest.approx(1, abs=1e-9)
    points, counts = truth.grid(801)
    start = Mixture(posterior.weights, torch.tensor([-3.0, 0.0, 2.0]).double(), posterior.variances)
    found = truth.divergence(fit(points, start, counts=counts).mixture)
    assert 0 < float(found) < (1e-3 if n == 2 else 1e-5)
    assert float(found.error) < 1e-9


def test_the_logistic_truth_agrees_with_importance_sampling() -> None:
    posterior, n = LogisticPosterior(*classifier_data(rng())), 100_000
    truth = LogisticTruth(posterior)
    w = 10 * torch.randn(n, 2, generator=rng(1), dtype=torch.float64)  # from the prior
    weight = (
        torch.nn.functional.logsigmoid(w @ posterior.signed.T).sum(1) - truth.log_evidence.value
    ).exp()
    assert abs(float(weight.mean()) - 1) < 4.5 * float(weight.std()) / math.sqrt(n)
    x = torch.tensor([[1.0, 0.0], [0.0, 8.0], [-5.0, 9.0], [0.2, -0.1]], dtype=torch.float64)
    each = torch.sigmoid(w @ x.T) * weight[:, None]
    found = truth.probs(x)
    assert bool(((each.mean(0) - found.value).abs() < 4.5 * each.std(0) / math.sqrt(n)).all())
    assert float(found.error.max()) < 1e-6


def test_a_finer_logistic_grid_differs_by_less_than_the_stated_error() -> None:
    posterior = LogisticPosterior(*classifier_data(rng(2)))
    grid = torch.linspace(-10, 10, 7, dtype=torch.float64)
    x = torch.cartesian_prod(grid, grid)
    rough, fine = LogisticTruth(posterior, tolerance=1e-3), LogisticTruth(posterior, tolerance=1e-9)
    assert len(fine.nodes) > len(rough.nodes)
    one, other = rough.probs(x), fine.probs(x)
    assert bool(((one.value - other.value).abs() <= one.error + 1e-9).all())
    assert (
        abs(float(rough.log_evidence) - float(fine.log_evidence))
        <= float(rough.log_evidence.error) + 1e-9
    )


def test_without_information_the_logistic_posterior_is_the_prior() -> None:
    truth = LogisticTruth(LogisticPosterior(torch.zeros(3, 2), torch.tensor([0, 1, 1])))
    assert float(truth.log_evidence) == pytest.approx(3 * math.log(0.5), abs=1e-7)
    torch.testing.assert_close(
        truth.covariance, 100 * torch.eye(2, dtype=torch.float64), rtol=1e-7, atol=1e-6
    )
    assert float(truth.expectation(lambda w: w.square().sum(1))) == pytest.approx(200, rel=1e-7)


def test_labels_and_inputs_turned_round_give_the_same_truth() -> None:
    x, y = classifier_data(rng(3))
    points = torch.tensor([[3.0, 1.0], [-0.5, 2.0]], dtype=torch.float64)
    one, other = LogisticTruth(LogisticPosterior(x, y)), LogisticTruth(LogisticPosterior(x, 1 - y))
    torch.testing.assert_close(
        one.probs(points).value, 1 - other.probs(points).value, rtol=0, atol=1e-8
    )


def test_samples_of_the_truth_have_its_moments() -> None:
    truth = LogisticTruth(LogisticPosterior(*classifier_data(rng())))
    w = truth.sample(20_000, rng(5))
    assert bool(
        ((w.mean(0) - truth.mean).abs() < 4.5 * (truth.covariance.diagonal() / 20_000).sqrt()).all()
    )


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="posterior has 3 weights"):
        LogisticTruth(LogisticPosterior(torch.ones(2, 3), torch.tensor([0, 1])))
    with pytest.raises(ValueError, match=r"interval is \(1.0, 0.0\)"):
        divergence(torch.sin, torch.cos, (1.0, 0.0))
    with pytest.raises(ValueError, match="is NaN somewhere"):
        divergence(lambda x: x * math.nan, torch.cos, (0.0, 1.0))
    with pytest.raises(ValueError, match="spacing is 3"):
        MixtureTruth(thesis_mixture(2), spacing=3.0)
