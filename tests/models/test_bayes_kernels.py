"""The compiled densities against the ones they are copies of."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from distillery.models.bayes import (
    LogisticPosterior,
    MixturePosterior,
    classifier_data,
    mixture_data,
)
from distillery.models.bayes_kernels import logistic_step, mixture_step


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def states(dimension: int, scale: float) -> Tensor:
    return scale * torch.randn(50, dimension, generator=rng(3), dtype=torch.float64)


@pytest.mark.parametrize("points", [1, 20, 512, 513, 1500])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_the_mixture_kernel_is_the_log_density_constants_included(
    points: int, scale: float
) -> None:
    posterior = MixturePosterior(mixture_data(points, rng()), prior_variance=7.0)
    w = states(3, scale)
    torch.testing.assert_close(
        mixture_step(posterior).log_density(w), posterior.log_density(w), rtol=1e-11, atol=1e-9
    )


@pytest.mark.parametrize(("points", "dimension"), [(12, 2), (1200, 2), (30, 1), (1200, 5)])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_the_logistic_kernels_are_the_log_density_constants_included(
    points: int, dimension: int, scale: float
) -> None:
    x = torch.randn(points, dimension, generator=rng(1), dtype=torch.float64)
    y = (torch.rand(points, generator=rng(2)) < 0.5).long()
    posterior = LogisticPosterior(x, y, prior_variance=30.0)
    w = states(dimension, scale)
    torch.testing.assert_close(
        logistic_step(posterior).log_density(w), posterior.log_density(w), rtol=1e-11, atol=1e-9
    )


def test_the_thesis_classifier_takes_the_kernel_of_the_plane() -> None:
    posterior = LogisticPosterior(*classifier_data(rng()))
    step = logistic_step(posterior, width=2.5)
    assert step.width == 2.5
    torch.testing.assert_close(
        step.log_density(states(2, 3.0)), posterior.log_density(states(2, 3.0))
    )


def test_another_number_of_means_is_refused() -> None:
    posterior = MixturePosterior(mixture_data(4, rng()), weights=(0.5, 0.5), variances=(1.0, 2.0))
    with pytest.raises(ValueError, match="posterior has 2 means"):
        mixture_step(posterior)
