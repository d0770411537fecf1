"""The compact classifier and the posterior draw as a teacher."""

from __future__ import annotations

import math

import pytest
import torch

from distillery.models.logistic import MeanOfLogistics, PosteriorLogistic
from distillery.protocols import Batch


def inputs(n: int = 20, scale: float = 3.0) -> torch.Tensor:
    return scale * torch.randn(
        n, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )


def test_the_classifier_is_the_mean_of_its_units() -> None:
    student, x = MeanOfLogistics.at_random(10, 2, rng=torch.Generator().manual_seed(1)), inputs()
    expected = torch.sigmoid(x @ student.weights.T).mean(1)
    torch.testing.assert_close(student.probs(x), expected)
    torch.testing.assert_close(student(x).exp().sum(1), torch.ones(20, dtype=torch.float64))


def test_log_probabilities_stay_finite_where_probabilities_round_to_zero() -> None:
    student = MeanOfLogistics(torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64))
    log_probs = student(torch.tensor([[-2000.0, 0.0]], dtype=torch.float64))
    assert log_probs[0].tolist() == pytest.approx([0.0, -2000.0])


def test_gradients_of_the_classifier_agree_with_finite_differences() -> None:
    student, x = (
        MeanOfLogistics.at_random(3, 2, rng=torch.Generator().manual_seed(1)),
        inputs(4, 1.0).requires_grad_(),
    )
    assert torch.autograd.gradcheck(student, (x,))


def test_a_posterior_draw_answers_with_its_own_weights() -> None:
    x, w = inputs(), inputs().flip(0)
    log_probs = PosteriorLogistic()(Batch(x, draw=w))
    torch.testing.assert_close(log_probs[:, 1].exp(), torch.sigmoid((x * w).sum(1)))
    torch.testing.assert_close(log_probs.exp().sum(1), torch.ones(20, dtype=torch.float64))


def test_the_mean_over_draws_is_the_monte_carlo_predictor() -> None:
    x, draws = inputs(5), inputs(400)
    each = torch.stack(
        [PosteriorLogistic()(Batch(x, draw=w.expand(5, 2))).exp() for w in draws]
    ).mean(0)
    torch.testing.assert_close(each, MeanOfLogistics(draws)(x).exp())


def test_cross_entropy_from_single_draws_has_the_gradient_of_their_mean() -> None:
    x, draws = inputs(6), inputs(50)
    student = MeanOfLogistics.at_random(4, 2, rng=torch.Generator().manual_seed(2))

    def gradient(probs: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(-(probs * student(points)).sum(1).mean(), student.weights)[0]

    every = Batch(x.repeat(50, 1), draw=draws.repeat_interleave(6, 0))
    single = gradient(PosteriorLogistic()(every).exp(), every.x)
    torch.testing.assert_close(single, gradient(MeanOfLogistics(draws)(x).exp().detach(), x))


def test_a_batch_without_draws_is_refused() -> None:
    with pytest.raises(ValueError, match=r"batch\.draw is None"):
        PosteriorLogistic()(Batch(inputs()))
    with pytest.raises(ValueError, match=r"one draw an input, \(20, 2\)"):
        PosteriorLogistic()(Batch(inputs(), draw=torch.zeros(20, 3)))


@pytest.mark.parametrize(
    "weights", [torch.zeros(0, 2), torch.zeros(3), torch.full((1, 2), math.nan)]
)
def test_weights_that_are_no_units_are_refused(weights: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="one row a unit"):
        MeanOfLogistics(weights)


def test_inputs_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="the units read 2 inputs"):
        MeanOfLogistics(torch.ones(1, 2))(torch.ones(4, 3))
