from __future__ import annotations

import math

import pytest
import torch

from distillery.partition.estimate import (
    Estimate,
    check_ratios,
    log_mean_estimate,
    mean_estimate,
    pareto_shape,
)


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_equal_weights_are_known_without_error() -> None:
    estimate = log_mean_estimate(torch.full((50,), 300.0, dtype=torch.float64))
    assert estimate == Estimate(300.0, 0.0, 50.0, (300.0, 300.0))


def test_shifting_log_weights_shifts_the_value_alone(rng: torch.Generator) -> None:
    weights = torch.randn(400, generator=rng, dtype=torch.float64)
    low, high = log_mean_estimate(weights), log_mean_estimate(weights + 1000)
    assert high.value == pytest.approx(low.value + 1000)
    assert (high.error, high.effective_samples) == pytest.approx((low.error, low.effective_samples))
    assert high.warnings == low.warnings


def test_the_effective_sample_size_is_one_when_one_weight_decides() -> None:
    estimate = log_mean_estimate(torch.tensor([0.0] * 199 + [60.0], dtype=torch.float64))
    assert estimate.effective_samples == pytest.approx(1)
    assert any("a few weights decide" in warning for warning in estimate.warnings)
    assert estimate.interval[0] == -math.inf


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9, 1.5])
def test_the_shape_of_a_pareto_tail_is_found(shape: float, rng: torch.Generator) -> None:
    uniforms = torch.rand(20, 10_000, generator=rng, dtype=torch.float64)
    found = [pareto_shape(-shape * u.log()) for u in uniforms]
    assert abs(sum(found) / 20 - shape) < 0.1


def test_light_tails_are_not_suspected(rng: torch.Generator) -> None:
    assert pareto_shape(torch.rand(5000, generator=rng, dtype=torch.float64).log()) < 0
    assert pareto_shape(torch.zeros(5000)) == -math.inf


def test_a_tail_without_a_mean_is_said(rng: torch.Generator) -> None:
    estimate = log_mean_estimate(-1.3 * torch.rand(5000, generator=rng, dtype=torch.float64).log())
    assert any("shape" in warning for warning in estimate.warnings)


def test_the_error_of_a_mean_is_its_deviation_over_root_n() -> None:
    estimate = mean_estimate(torch.tensor([1.0, 2.0, 3.0, 6.0]))
    assert estimate.value == 3
    assert estimate.error == pytest.approx(math.sqrt(14 / 3) / 2)


@pytest.mark.parametrize(
    ("ratios", "message"),
    [
        (torch.zeros(1), "at least 2"),
        (torch.zeros(3, 2), "shape"),
        ([1.0, 2.0], "a list"),
        (torch.tensor([0.0, math.nan]), "1 values that are not numbers"),
    ],
)
def test_what_is_no_column_of_log_ratios_is_refused(ratios: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_ratios("ratios", ratios)
