from __future__ import annotations

import math

import pytest
import torch

from distillery import metrics


def test_accuracy_counts_and_its_error_is_binomial() -> None:
    logits = torch.tensor([[2.0, 1.0]] * 90 + [[1.0, 2.0]] * 10)
    found = metrics.accuracy(logits, torch.zeros(100, dtype=torch.long))
    assert found.value == pytest.approx(0.9)
    assert found.error == pytest.approx(math.sqrt(0.9 * 0.1 / 99))
    assert found.n == 100


def test_two_standard_errors_of_the_thesis_are_two_of_ours() -> None:
    # Table 2.1: 97.46 % of 10,000 images is printed with ± 0.31 %, two standard deviations.
    right = torch.arange(10_000) < 9746
    assert 200 * metrics.mean_and_error(right.double()).error == pytest.approx(0.31, abs=0.005)


def test_mean_log_prob_is_minus_the_cross_entropy() -> None:
    logits, labels = torch.randn(50, 7, generator=_rng()), torch.randint(7, (50,), generator=_rng())
    assert metrics.mean_log_prob(logits, labels).value == pytest.approx(
        -torch.nn.functional.cross_entropy(logits, labels).item(), rel=1e-5
    )


def test_log_probs_serve_as_logits() -> None:
    logits, labels = (
        torch.randn(50, 7, generator=_rng()).double(),
        torch.randint(7, (50,), generator=_rng()),
    )
    torch.testing.assert_close(
        metrics.log_prob_of(logits.log_softmax(-1), labels),
        metrics.log_prob_of(logits + 3.0, labels),
    )


def test_l1_distortion_averages_pixels_then_images() -> None:
    images = torch.zeros(2, 1, 2, 2)
    reconstructions = torch.stack(
        [torch.full((1, 2, 2), 0.1), torch.tensor([[[0.3, 0.3], [0.3, 0.7]]])]
    )
    found = metrics.l1_distortion(images, reconstructions)
    assert found.value == pytest.approx(0.25)
    assert found.error == pytest.approx(0.15)


def test_a_paired_difference_cancels_what_both_find_hard() -> None:
    hard = 5 * torch.randn(400, generator=_rng()).double()
    noise = 0.01 * torch.randn(400, generator=torch.Generator().manual_seed(1)).double()
    paired = metrics.paired_difference(hard + 0.1 + noise, hard)
    assert paired.value == pytest.approx(0.1, abs=3 * paired.error)
    assert paired.error < metrics.mean_and_error(hard).error / 100


def test_the_interval_of_a_mean_covers_the_truth_as_often_as_it_says() -> None:
    draws = torch.randn(2000, 25, generator=_rng(), dtype=torch.float64)
    inside = [
        low <= 0 <= high
        for low, high in (metrics.mean_and_error(row).interval(2.064) for row in draws)
    ]  # Student's t, 24 degrees
    assert sum(inside) / 2000 == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / 2000))


def test_wilsons_interval_covers_the_truth_as_often_as_it_says() -> None:
    p, n = 0.03, 200
    counts = (
        torch.binomial(torch.full((4000,), float(n)), torch.tensor(p), generator=_rng())
        .int()
        .tolist()
    )
    inside = [low <= p <= high for low, high in (metrics.wilson(count, n) for count in counts)]
    assert 0.93 < sum(inside) / 4000 < 0.98


def test_wilsons_interval_stays_in_the_unit_interval_where_the_normal_one_collapses() -> None:
    low, high = metrics.wilson(0, 20)
    assert low == 0.0
    assert 0.1 < high < 0.2


def test_one_seed_has_no_error() -> None:
    found = metrics.mean_and_error([3.0])
    assert found.value == 3.0
    assert math.isnan(found.error)


def test_spread_is_the_standard_deviation_over_seeds() -> None:
    assert metrics.mean_and_error([1.0, 2.0, 3.0]).spread == pytest.approx(1.0)


def test_an_estimate_reads_as_value_and_error() -> None:
    assert str(metrics.Estimate(0.12345, 0.0123, 10)) == "0.1235 ± 0.025"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: metrics.mean_and_error([]), "values is empty"),
        (
            lambda: metrics.accuracy(torch.zeros(3, 2), torch.zeros(2)),
            r"logits have shape \(3, 2\) and labels \(2,\)",
        ),
        (
            lambda: metrics.paired_difference(torch.zeros(3), torch.zeros(4)),
            r"first has shape \(3,\)",
        ),
        (
            lambda: metrics.l1_each(torch.zeros(2, 3), torch.zeros(2, 4)),
            r"reconstructions \(2, 4\)",
        ),
        (lambda: metrics.wilson(3, 2), "successes is 3 of n = 2"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_shape(call: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()  # type: ignore[operator]


def test_bytes_are_no_pixels_in_the_unit_interval() -> None:
    with pytest.raises(TypeError, match=r"torch\.uint8"):
        metrics.l1_each(torch.zeros(2, 3, dtype=torch.uint8), torch.zeros(2, 3, dtype=torch.uint8))


def _rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)
