"""The bag of draws as a density, against the mixture that it is."""

from __future__ import annotations

import pytest
import torch

from distillery.inference.chain_average import ChainAverage, order_shares
from distillery.models.bayes import MixturePosterior, mixture_data
from distillery.models.mixture import Mixture


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bag(states: int) -> torch.Tensor:
    return 5 * torch.randn(states, 3, generator=rng(1), dtype=torch.float64)


@pytest.mark.parametrize("states", [1, 40, 1500])
def test_the_average_is_the_mixture_with_three_components_a_state(states: int) -> None:
    posterior, means = MixturePosterior(mixture_data(4, rng())), bag(states)
    mixture = Mixture(
        torch.full((3 * states,), 1 / (3 * states), dtype=torch.float64),
        means.flatten(),
        posterior.variances.repeat(states),
    )
    x = torch.linspace(-20, 20, 101, dtype=torch.float64)
    torch.testing.assert_close(
        ChainAverage(posterior, means).log_prob(x),
        mixture.log_prob(x).detach(),
        rtol=0,
        atol=1e-4 if states > 1 else 1e-12,
    )


def test_the_average_is_not_zero_where_its_exponentials_vanish() -> None:
    average = ChainAverage(MixturePosterior(mixture_data(4, rng())), torch.zeros(5, 3))
    far = average.log_prob(torch.tensor([200.0]))
    assert float(far) == pytest.approx(
        -(200**2) / 10, rel=1e-2
    )  # the widest component decides, of variance 5


def test_draws_have_the_mean_and_variance_of_the_average() -> None:
    posterior, means = MixturePosterior(mixture_data(4, rng())), bag(300)
    x = ChainAverage(posterior, means).sample(50_000, rng(2))
    variance = float(means.var(correction=0) + posterior.variances.mean())
    assert x.shape == (50_000, 1)
    assert float(x.mean()) == pytest.approx(float(means.mean()), abs=5 * (variance / 50_000) ** 0.5)
    assert float(x.var()) == pytest.approx(variance, rel=5 * (2 / 50_000) ** 0.5)


def test_orders_are_counted_from_left_to_right() -> None:
    states = torch.tensor(
        [[[-3.0, 0.0, 2.0], [2.0, 0.0, -3.0]], [[0.0, -3.0, 2.0], [-3.0, 0.0, 2.0]]]
    )
    shares = order_shares(states)
    assert shares[0, 1, 2] == 0.5
    assert shares[2, 1, 0] == shares[1, 0, 2] == 0.25
    assert sum(shares.values()) == 1
