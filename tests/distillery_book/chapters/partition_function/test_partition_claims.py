"""How the thesis' claims about log Z are tested, and that the recorded runs tell them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from distillery_book.chapters.partition_function import claims, partition
from distillery_book.results.claims import Mean, judge
from distillery_book.results.results import Results

UNTOLD = {"logz_variational", "logz_adversarial"}  # nothing here trains by either


def test_every_claim_is_told_by_the_recorded_runs_but_those_of_other_trainings() -> None:
    results = Results.open()
    told = {key: list(test(results)) for key, test in claims.TESTS.items()}
    assert {key for key, differences in told.items() if not differences} == UNTOLD


def test_without_runs_no_claim_is_told(tmp_path: Path) -> None:
    empty = Results(tmp_path, [partition.STUDY])
    assert [key for key, test in claims.TESTS.items() if list(test(empty))] == []


def test_one_student_against_one_decides_nothing() -> None:
    results = Results.open()
    for key in ("logz_wider_upper", "logz_wider_lower", "logz_best_two"):
        [difference] = claims.TESTS[key](results)
        assert judge(difference) == "undecided"


def test_the_least_step_of_the_upper_bounds_is_that_of_two_neighbouring_widths() -> None:
    results = Results.open()
    [difference] = claims.TESTS["logz_wider_upper"](results)
    steps = [
        narrow.value - wide.value
        for names in claims.BY_LOSS.values()
        for narrow, wide in zip(
            claims.numbers(results, "upper", names[:-1]),
            claims.numbers(results, "upper", names[1:]),
            strict=True,
        )
    ]
    assert difference.value == pytest.approx(min(steps))


def test_importance_sampling_doubts_itself_and_so_decides_nothing() -> None:
    results = Results.open()
    assert min(claims.doubts(results, "importance", name) for name in claims.EIGHT) >= 1
    for key in (
        "logz_importance_decent",
        "logz_importance_agrees",
        "logz_importance_low",
        "logz_bridge_nearer",
    ):
        [difference] = claims.TESTS[key](results)
        assert math.isnan(difference.error)
        assert judge(difference) == "undecided"


def test_annealing_as_published_doubts_itself_and_so_no_bridge_is_told_as_good() -> None:
    results = Results.open()
    place = Mean("partition", "forward_warnings", claims.PUBLISHED)
    assert claims.number(results, place).value >= 1
    differences = list(claims.TESTS["logz_bridge_as_exact"](results))
    assert {judge(each) for each in differences} == {"undecided"}


def test_annealing_is_held_against_the_bridge_of_the_largest_error() -> None:
    results = Results.open()
    annealing = claims.number(results, Mean("partition", "forward", claims.PUBLISHED))
    bridges = [each.error for each in claims.numbers(results, "bridge_10")]
    [difference] = claims.TESTS["logz_bridge_as_exact"](results)
    assert difference.value == pytest.approx(annealing.error - max(bridges))


def test_a_difference_of_bridges_which_do_not_doubt_themselves_is_decided() -> None:
    results = Results.open()
    assert not claims.is_doubted(results, "bridge")
    assert not claims.is_doubted(results, "bridge_random")
    [difference] = claims.TESTS["logz_own_starts"](results)
    assert judge(difference) == "holds"


def test_bridges_do_not_doubt_themselves() -> None:
    results = Results.open()
    assert [claims.doubts(results, "bridge_10", name) for name in claims.EIGHT] == [0] * 8


def test_scatter_is_the_mean_square_of_deviations_in_units_of_errors() -> None:
    results = Results.open()
    each = claims.numbers(results, "bridge_10")
    weights = [one.error**-2 for one in each]
    mean = sum(w * one.value for w, one in zip(weights, each, strict=True)) / sum(weights)
    squares = [((one.value - mean) / one.error) ** 2 for one in each]
    assert claims.scatter(results, "bridge_10") == pytest.approx(sum(squares) / 7)
    assert math.isnan(claims.scatter(results, "no_such_estimate"))


def test_the_finest_annealing_is_the_one_that_estimates_are_held_against() -> None:
    found = claims.number(Results.open(), claims.annealed())
    assert found is not None
    assert found.error < 0.01
