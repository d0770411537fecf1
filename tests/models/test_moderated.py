"""Moderated logistic units."""

from __future__ import annotations

import pytest
import torch

from distillery.inference.logistic_gaussian import predicted
from distillery.models.logistic import MeanOfLogistics
from distillery.models.moderated import MeanOfModerated

RNG = torch.Generator().manual_seed(5)
MEANS = torch.randn(4, 2, generator=RNG, dtype=torch.float64)
X = 3 * torch.randn(25, 2, generator=RNG, dtype=torch.float64)


def test_units_without_spread_are_plain_logistic_units() -> None:
    student = MeanOfModerated(MEANS, torch.zeros(4, 2, 2, dtype=torch.float64))
    torch.testing.assert_close(student(X), MeanOfLogistics(MEANS)(X))


def test_one_unit_is_mackays_approximation_of_a_gaussian_posterior() -> None:
    spread = torch.tensor([[[1.5, 0.0], [-0.4, 0.7]]], dtype=torch.float64)
    student = MeanOfModerated(MEANS[:1], spread)
    torch.testing.assert_close(
        student(X), predicted(X, MEANS[0], spread[0] @ spread[0].T, "mackay")
    )


def test_far_from_the_origin_the_answer_depends_on_the_direction_alone() -> None:
    student = MeanOfModerated.at_random(4, 2, rng=torch.Generator().manual_seed(1))
    torch.testing.assert_close(student(1e7 * X), student(1e8 * X), atol=1e-6, rtol=0.0)


def test_gradients_agree_with_finite_differences() -> None:
    student = MeanOfModerated.at_random(3, 2, rng=torch.Generator().manual_seed(1))
    assert torch.autograd.gradcheck(student, (X[:4].clone().requires_grad_(),))
    assert sum(p.numel() for p in student.parameters()) == 3 * 5


def test_spreads_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(K, D\) and \(K, D, D\) are needed"):
        MeanOfModerated(MEANS, torch.zeros(4, 2))
