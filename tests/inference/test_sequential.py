"""Chains that saw the data a few at a time stand where the posterior does."""

from __future__ import annotations

import math

import pytest
import torch

from distillery.inference.chain_average import order_shares
from distillery.inference.mixture_truth import MixtureTruth
from distillery.inference.sequential import arrived, resampled
from distillery.models.bayes import MixturePosterior, mixture_data
from distillery.models.bayes_kernels import mixture_step


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("points", [1, 12, 60])
def test_starts_stand_in_each_order_of_the_means_as_often_as_it_is_probable(points: int) -> None:
    posterior = MixturePosterior(mixture_data(points, rng(5)))
    chains = 3000
    shares = order_shares(
        arrived(posterior, chains, step=lambda part: mixture_step(part, 10.0), rng=rng(1))
    )
    for order, prob in MixtureTruth(posterior).orders.items():
        assert shares[order] == pytest.approx(
            prob, abs=6 * math.sqrt((prob * (1 - prob) + 1e-3) / chains)
        )  # copies are not independent


def test_marginal_means_agree_with_the_truth_where_modes_are_far_apart() -> None:
    posterior = MixturePosterior(mixture_data(200, rng(2)))
    states, truth = (
        arrived(
            posterior,
            1000,
            step=lambda part: mixture_step(part, 30 / len(part.x) ** 0.5),
            rng=rng(1),
        ),
        MixtureTruth(posterior),
    )
    for k in range(3):
        nodes, masses = truth.marginal(k)
        mean = float(nodes @ masses)
        spread = math.sqrt(float(masses @ (nodes - mean).square()))
        assert float(states[:, k].mean()) == pytest.approx(mean, abs=6 * spread / math.sqrt(1000))


def test_resampling_gives_each_index_its_weight_up_to_one() -> None:
    log_weights = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64).repeat(250).log() + 1000
    counts = torch.bincount(resampled(log_weights, rng()), minlength=1000)
    expected = (log_weights - 1000).exp() * 4
    assert bool(((counts - expected).abs() < 1).all())
    assert int(counts.sum()) == 1000


def test_impossible_settings_are_refused() -> None:
    posterior = MixturePosterior(mixture_data(3, rng()))
    with pytest.raises(ValueError, match="least is 1"):
        arrived(posterior, 5, step=mixture_step, rng=rng(), least=1.0)
    with pytest.raises(ValueError, match="chains is 0"):
        arrived(posterior, 0, step=mixture_step, rng=rng())
