"""Several starts, and gathered points, lose nothing."""

from __future__ import annotations

import pytest
import torch

from distillery.inference import em
from distillery.inference.restarts import gathered, likeliest, varied_starts
from distillery.models.bayes import mixture_data


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_likeliest_is_at_least_as_likely_as_what_each_start_leads_to() -> None:
    x = mixture_data(400, rng())
    starts = varied_starts(x, 3, 5, rng=rng(1))
    best = float(likeliest(x, starts, steps=100).log_likelihoods[-1])
    assert all(
        best >= float(em.fit(x, start, steps=100).log_likelihoods[-1]) - 1e-9 for start in starts
    )
    variances = torch.stack([start.covariances.flatten().detach() for start in starts])
    assert bool((variances <= x.var(correction=0) * (1 + 1e-9)).all())
    assert len(variances.unique()) == variances.numel()


def test_em_on_gathered_points_is_em_on_all() -> None:
    x = mixture_data(20_000, rng())
    start = em.spread_start(x, 3, rng=rng(1))
    points, counts = gathered(x)
    one, other = em.fit(x, start, steps=30), em.fit(points, start, steps=30, counts=counts)
    assert len(points) <= 2001
    assert float(counts.sum()) == 20_000
    torch.testing.assert_close(other.mixture.means, one.mixture.means, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(
        other.log_likelihoods[-1], one.log_likelihoods[-1], rtol=0, atol=1e-4
    )


def test_a_stream_gathered_batch_by_batch_keeps_count_mean_and_all_but_the_variance() -> None:
    x, heaps = mixture_data(10_000, rng()), None
    for batch in x.split(1000):
        heaps = gathered(batch, heaps)
    assert heaps is not None
    points, counts = heaps
    assert float(counts.sum()) == 10_000
    mean = float(counts @ points[:, 0]) / 10_000
    assert mean == pytest.approx(float(x.mean()), abs=1e-9)
    assert float(counts @ (points[:, 0] - mean).square()) / 10_000 == pytest.approx(
        float(x.var(correction=0)), rel=1e-4
    )


def test_points_of_more_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="points on a line"):
        gathered(torch.zeros(4, 2))
