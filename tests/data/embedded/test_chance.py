"""Chance that falls the same way everywhere."""

from __future__ import annotations

import numpy as np

from distillery.data.embedded.chance import order, spread, uniform


def test_the_stream_is_pcg64s_raw_words() -> None:
    words = np.random.PCG64(7).random_raw(3)
    assert uniform(7, 3).tolist() == [(int(word) >> 11) / 2**53 for word in words]


def test_numbers_are_uniform_by_mean_variance_and_range() -> None:
    n = 100_000
    x, y = uniform(1, n), spread(2, n)
    assert abs(x.mean() - 0.5) < 4 * (1 / 12 / n) ** 0.5
    assert abs(((x - 0.5) ** 2).mean() - 1 / 12) < 4 * (1 / 180 / n) ** 0.5
    assert x.min() >= 0
    assert x.max() < 1
    assert abs(y.mean()) < 4 * (1 / 3 / n) ** 0.5
    assert y.min() >= -1


def test_an_order_holds_everything_once_and_depends_on_its_seed() -> None:
    assert sorted(order(3, 50)) == list(range(50))
    assert order(3, 50).tolist() != order(4, 50).tolist()


def test_numpys_global_stream_is_left_alone() -> None:
    before = np.random.get_state()[1].tolist()  # type: ignore[index]
    uniform(1, 10)
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]
