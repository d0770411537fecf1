"""Tables sum to 2^16, leave no symbol out, and follow what they are made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distillery.storage.frequencies import (
    TOTAL,
    counted_frequencies,
    frequencies,
    scored_frequencies,
)


@given(st.integers(2, 300), st.integers(0, 2**32))
def test_a_table_sums_to_the_total_and_gives_every_symbol_a_place(values: int, seed: int) -> None:
    probs = np.random.default_rng(seed).dirichlet(np.full(values, 0.05), 3)
    tables = frequencies(probs)
    assert (tables.sum(-1) == TOTAL).all()
    assert (tables >= 1).all()
    assert np.abs(tables / TOTAL - probs).max() <= (values + 1) / TOTAL


def test_a_table_costs_hardly_more_than_the_probabilities() -> None:
    probs = np.random.default_rng(0).dirichlet(np.ones(16), 200)
    extra = (probs * np.log2(probs / (frequencies(probs) / TOTAL))).sum(-1)
    assert extra.max() < 1e-3


def test_scores_are_256ths_of_a_bit() -> None:
    scores = np.array([[0, -256, -512, -768], [10_000, 9744, 10_000, 0]])
    shares = scored_frequencies(scores) / TOTAL
    np.testing.assert_allclose(
        shares, [[8 / 15, 4 / 15, 2 / 15, 1 / 15], [0.4, 0.2, 0.4, 0]], atol=4 / TOTAL
    )


def test_scores_give_the_tables_they_gave_when_this_was_written() -> None:
    """These numbers decide how files are read: they may not change with the machine, nor with a
    version of anything.
    """
    assert scored_frequencies(np.array([0, -1, -100, -300, -1000, -(2**40)])).tolist() == [
        20039,
        19982,
        15284,
        8893,
        1337,
        1,
    ]


def test_counts_are_shared_out_by_whole_numbers() -> None:
    assert counted_frequencies(np.array([0, 5])).tolist() == [1, TOTAL - 1]
    assert counted_frequencies(np.array([1, 1, 1])).tolist() == [21846, 21845, 21845]
    np.testing.assert_array_equal(counted_frequencies(np.full(4096, 2**46)), np.full(4096, 16))


def test_what_makes_no_table_is_refused() -> None:
    with pytest.raises(
        ValueError, match="probs must be finite and not negative, and not all of them 0"
    ):
        frequencies(np.array([0.5, np.nan]))
    with pytest.raises(ValueError, match="probs must be finite"):
        frequencies(np.zeros(3))
    with pytest.raises(
        TypeError, match="scores are float64: whole numbers, 256 to a bit, are needed"
    ):
        scored_frequencies(np.zeros(3))
    with pytest.raises(
        ValueError, match="counts must be whole numbers, not negative, not all of them 0"
    ):
        counted_frequencies(np.array([1, -1]))
    with pytest.raises(ValueError, match="values is 1"):
        counted_frequencies(np.array([3]))
