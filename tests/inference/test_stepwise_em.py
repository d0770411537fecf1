"""Stepwise EM: batch EM is its special case, and what a stream can teach is learnt."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from distillery.inference.em import fit, spread_start
from distillery.inference.stepwise_em import distil_by_em, falling, power
from distillery.models.bayes import MEANS, VARIANCES, WEIGHTS, mixture_data
from distillery.models.mixture import Mixture
from distillery.protocols import Batch, Generator


class Again(Generator):
    """The same points at every draw."""

    def __init__(self, x: Tensor) -> None:
        self.x = x

    def draw(self, n: int) -> Batch:
        return Batch(self.x[:n])


class Fresh(Generator):
    """New points of the thesis' mixture at every draw."""

    def __init__(self, seed: int) -> None:
        self.rng = torch.Generator().manual_seed(seed)

    def draw(self, n: int) -> Batch:
        return Batch(mixture_data(n, self.rng))


def start() -> Mixture:
    return Mixture(
        *(
            torch.tensor(v, dtype=torch.float64)
            for v in ([1 / 3] * 3, [-4.0, 0.0, 4.0], [9.0, 9.0, 9.0])
        )
    )


def data(n: int = 200) -> Tensor:
    return mixture_data(n, torch.Generator().manual_seed(0))


def test_at_rate_one_on_the_whole_data_every_iteration_is_a_step_of_batch_em() -> None:
    x, student = data(), start()
    values = distil_by_em(Again(x), student, iterations=30, batch_size=200, rate=lambda t: 1.0)
    batch = fit(x, start(), steps=30, tolerance=-1.0)
    torch.testing.assert_close(values, batch.log_likelihoods[:-1], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(student.means, batch.mixture.means, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(student.covariances, batch.mixture.covariances, rtol=1e-8, atol=1e-8)


def test_with_a_falling_power_of_t_a_fixed_stream_leads_to_the_optimum_of_batch_em() -> None:
    x, student = (
        0.3 * data() + torch.tensor([-8.0, 0.0, 8.0, 0.0], dtype=torch.float64).repeat(50)[:, None],
        start(),
    )
    distil_by_em(Again(x), student, iterations=1000, batch_size=200, rate=power(0.6))
    best = fit(x, start(), tolerance=1e-15).mixture
    torch.testing.assert_close(student.means, best.means, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(student.covariances, best.covariances, rtol=1e-6, atol=1e-6)


def test_at_rate_zero_nothing_is_learnt() -> None:
    student = start()
    distil_by_em(Fresh(0), student, iterations=5, batch_size=10, rate=lambda t: 0.0)
    torch.testing.assert_close(student.means, start().means)
    torch.testing.assert_close(student.covariances, start().covariances)


def test_the_thesis_protocol_comes_close_to_a_density_that_a_mixture_can_hold() -> None:
    truth = Mixture(*(torch.tensor(v, dtype=torch.float64) for v in (WEIGHTS, MEANS, VARIANCES)))
    x = torch.linspace(-15, 15, 3001, dtype=torch.float64)
    before, after = [], []
    for seed in range(5):
        student = start()
        for kept in (before, after):
            p = truth.log_prob(x).exp()
            kept.append(torch.trapezoid(p * (truth.log_prob(x) - student.log_prob(x)), x).item())
            distil_by_em(Fresh(seed), student, iterations=100, batch_size=100)
    # the expected excess of the best fit to n points is 8 parameters / 2n; the second half of the
    # stream weighs as some 3000 points
    assert max(after) < 0.01 < min(before)


def test_several_dimensions_are_learnt_alike() -> None:
    x = (
        torch.randn(300, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        @ torch.tensor([[2.0, 1.0], [0.0, 0.5]]).double()
    )
    student = spread_start(x, 1, rng=torch.Generator().manual_seed(1))
    distil_by_em(Again(x), student, iterations=3, batch_size=300)
    torch.testing.assert_close(student.covariances[0].detach(), x.T.cov(correction=0))


def test_a_student_in_single_precision_stays_so() -> None:
    student = start().float()
    distil_by_em(Fresh(0), student, iterations=5, batch_size=20)
    assert student.means.dtype == torch.float32


def test_the_rate_falls_from_one_to_zero_on_a_straight_line() -> None:
    assert [falling(5)(t) for t in range(5)] == pytest.approx([1, 0.75, 0.5, 0.25, 0])
    assert falling(1)(0) == 1
    assert [power(1.0)(t) for t in range(3)] == pytest.approx([1, 1 / 2, 1 / 3])


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rate\(0\) is 1\.5"):
        distil_by_em(Fresh(0), start(), rate=lambda t: 1.5)
    with pytest.raises(ValueError, match="batch_size is 0"):
        distil_by_em(Fresh(0), start(), batch_size=0)
    with pytest.raises(ValueError, match=r"exponent is 0\.5"):
        power(0.5)
    with pytest.raises(ValueError, match="batch 0 holds 3 numbers that are not finite"):
        distil_by_em(Again(torch.full((3, 1), math.nan)), start(), batch_size=3)
    with pytest.raises(ValueError, match="points of 1 dimension"):
        distil_by_em(Again(torch.zeros(3, 2)), start(), batch_size=3)
