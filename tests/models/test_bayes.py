"""The two posteriors against their definitions written out, and the thesis' data."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from distillery.models.bayes import (
    LogisticPosterior,
    MixturePosterior,
    classifier_data,
    mixture_data,
    separable,
)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=rng(seed), dtype=torch.float64)


def test_the_mixture_posterior_is_prior_times_likelihood_with_all_constants() -> None:
    x, w = mixture_data(30, rng()), 4 * normal(2, 5, 3)
    posterior = MixturePosterior(x)
    likelihood = (
        (Normal(w[..., None, :], posterior.variances.sqrt()).log_prob(x).exp() / 3)
        .sum(-1)
        .log()
        .sum(-1)
    )
    torch.testing.assert_close(posterior(w), likelihood + Normal(0.0, 10.0).log_prob(w).sum(-1))


def test_the_logistic_posterior_is_prior_times_likelihood_with_all_constants() -> None:
    x, y = classifier_data(rng())
    w = normal(4, 6, 2)
    probs = torch.sigmoid(w @ x.T)
    likelihood = torch.where(y == 1, probs, 1 - probs).log().sum(-1)
    torch.testing.assert_close(
        LogisticPosterior(x, y)(w), likelihood + Normal(0.0, 10.0).log_prob(w).sum(-1)
    )


@pytest.mark.parametrize(
    "posterior",
    [MixturePosterior(mixture_data(40, rng(1))), LogisticPosterior(*classifier_data(rng(1)))],
)
def test_gradients_agree_with_autograd_and_with_finite_differences(
    posterior: MixturePosterior | LogisticPosterior,
) -> None:
    w = normal(7, posterior.dimension).requires_grad_()
    assert torch.autograd.gradcheck(posterior.log_density, (w,))
    value, gradient = posterior.value_and_gradient(w.detach())
    torch.testing.assert_close(value, posterior(w.detach()))
    torch.testing.assert_close(gradient, torch.autograd.grad(posterior(w).sum(), w)[0])


def test_many_chains_give_what_each_gives_alone() -> None:
    posterior, w = MixturePosterior(mixture_data(500, rng())), 3 * normal(250, 3)
    alone = torch.stack([posterior(one) for one in w])
    torch.testing.assert_close(posterior(w), alone)
    torch.testing.assert_close(
        posterior.value_and_gradient(w)[1],
        torch.stack([posterior.value_and_gradient(one)[1] for one in w]),
    )


def test_means_hopelessly_far_away_still_have_a_finite_log_density() -> None:
    value = MixturePosterior(torch.tensor([0.0]))(torch.full((3,), 1e4, dtype=torch.float64))
    best = (
        -1e8 / 10
        + math.log(1 / 3)
        - 0.5 * math.log(2 * math.pi * 5)
        - 1.5 * 1e6
        - 1.5 * math.log(200 * math.pi)
    )
    assert float(value) == pytest.approx(best, rel=1e-12)


def test_ancestral_draws_follow_the_mixture_of_their_own_means() -> None:
    posterior, n = MixturePosterior(torch.zeros(1)), 40_000
    w = torch.tensor([-3.0, 0.0, 2.0], dtype=torch.float64)
    x = posterior.simulate(w.expand(n, 3), rng(4))
    expected = float(Normal(w, posterior.variances.sqrt()).cdf(torch.tensor(-1.0)).mean())
    assert x.shape == (n, 1)
    assert abs(float((x < -1).double().mean()) - expected) < 4.5 * math.sqrt(
        expected * (1 - expected) / n
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_classifier_data_are_balanced_and_separable(seed: int) -> None:
    x, y = classifier_data(rng(seed))
    assert x.shape == (24, 2)
    assert int(y.sum()) == 12
    assert separable(x, y)


def test_separability_in_the_plane_agrees_with_the_linear_programme() -> None:
    for seed in range(40):
        x, w = normal(8, 2, seed=seed), normal(2, seed=seed + 100)
        y = (x @ w > 0).long()
        if seed % 2:
            y[0] = 1 - y[0]
        padded = torch.cat(
            [x, torch.zeros(8, 1, dtype=torch.float64)], dim=1
        )  # a third input that says nothing asks the programme
        assert separable(x, y) == separable(padded, y)
        assert seed % 2 or separable(x, y)


def test_bad_data_are_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"labels \[-1, 1\]: only 0 and 1"):
        LogisticPosterior(torch.ones(2, 2), torch.tensor([-1, 1]))
    with pytest.raises(ValueError, match="1 numbers that are not finite"):
        MixturePosterior(torch.tensor([0.0, math.nan]))
    with pytest.raises(ValueError, match="no numbers"):
        MixturePosterior(torch.zeros(0))
    with pytest.raises(ValueError, match="prior_variance"):
        LogisticPosterior(torch.ones(1, 2), torch.ones(1), prior_variance=0)
    with pytest.raises(ValueError, match="must hold 3 means"):
        MixturePosterior(torch.ones(3))(torch.zeros(5, 2))
