"""How the papers' claims about compression are tested."""

from __future__ import annotations

import math

import pytest

from distillery_book.chapters.compression import claims
from distillery_book.results.claims import judge
from distillery_book.results.results import Results


def test_times_smaller_are_the_printed_ones() -> None:
    whole = [claims.times_smaller(c, with_network=True) for c in claims.TOTALS]
    alone = [claims.times_smaller(c, with_network=False) for c in claims.EACH]
    assert [f"{times:.1f}" for times in whole] == ["10.1", "50.3", "101.5"]
    assert [int(times) for times in alone] == [37, 101, 165]


def test_all_claims_but_those_of_the_papers_own_training_are_told_by_the_recorded_runs() -> None:
    results = Results.open()
    silent = {key for key, test in claims.TESTS.items() if not list(test(results))}
    assert silent <= {"compression_beats_filters", "compression_temperature_long"}


def test_rivals_that_were_run_once_leave_a_claim_undecided_by_its_least_difference() -> None:
    results = Results.open()
    [worst] = claims.rivals(claims.FEWER_BITS)(results)
    gaps = [
        claims.rivals({latents: code})(results)[0].value
        for latents, code in claims.FEWER_BITS.items()
    ]
    assert worst.value == pytest.approx(min(gaps))
    assert judge(worst) == "undecided"


def test_a_rival_has_more_bits_than_the_code_that_it_is_compared_with() -> None:
    assert all(32 * h > c for h, (c, _) in claims.FEWER_BITS.items())
    assert all(128 * h > c for h, (c, _) in claims.FEWER_THAN_FILTERS.items())


def test_jpeg_is_compared_with_every_seed_of_a_code() -> None:
    results = Results.open()
    [gap] = claims.beaten_by((38, 2), 1)(results)
    assert gap.n == len(claims.lost((38, 2)).runs(results)) == 3
    assert 0 < gap.error < math.inf


def test_capacities_and_losses_in_opposite_order_correlate_fully() -> None:
    found = claims.rank_correlation(Results.open())
    assert found is not None
    assert 0.9 < found.value <= 1
