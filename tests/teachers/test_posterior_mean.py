"""The bag of draws as a teacher."""

from __future__ import annotations

import pytest
import torch

from distillery.losses import DerivativeSquareError
from distillery.models.logistic import MeanOfLogistics
from distillery.protocols import Batch
from distillery.teachers import Frozen
from distillery.teachers.posterior_mean import PosteriorMean

RNG = torch.Generator().manual_seed(3)
DRAWS = 3 * torch.randn(200, 2, generator=RNG, dtype=torch.float64)
X = 5 * torch.randn(30, 2, generator=RNG, dtype=torch.float64)


def test_it_answers_as_the_mean_of_logistics_with_the_same_draws() -> None:
    torch.testing.assert_close(
        PosteriorMean(DRAWS)(Batch(X)), MeanOfLogistics(DRAWS)(X).detach(), rtol=1e-12, atol=1e-12
    )


def test_its_slopes_agree_with_finite_differences() -> None:
    teacher = PosteriorMean(DRAWS)
    assert torch.autograd.gradcheck(lambda x: teacher(Batch(x)), (X[:5].clone().requires_grad_(),))


def test_the_derivative_loss_cannot_tell_it_from_the_slow_form() -> None:
    student, loss = MeanOfLogistics(DRAWS[:10]), DerivativeSquareError(weighting="teacher")
    fast, slow = (
        loss(teacher, student, Batch(X))
        for teacher in (PosteriorMean(DRAWS), Frozen(MeanOfLogistics(DRAWS)))
    )
    torch.testing.assert_close(fast, slow, rtol=1e-10, atol=0.0)


def test_a_probability_that_rounds_to_one_keeps_the_other_log_probability() -> None:
    log_probs = PosteriorMean(torch.ones(5, 2))(Batch(torch.tensor([[30.0, 30.0]])))
    assert log_probs[0].tolist() == pytest.approx([-60.0, 0.0])


def test_draws_that_are_no_table_and_inputs_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="one row a draw"):
        PosteriorMean(torch.zeros(3))
    with pytest.raises(ValueError, match="the draws read 2 inputs"):
        PosteriorMean(DRAWS)(Batch(torch.zeros(4, 3)))
