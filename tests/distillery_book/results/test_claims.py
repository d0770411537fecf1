"""What the papers conclude: every sentence has its test, and differences decide."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from distillery.metrics import Estimate
from distillery_book.results import claims, published
from distillery_book.results.claims import Mean, above, every
from distillery_book.results.results import Results
from made_records import STUDY, keep, seeds

REAL = {"inputs": "real"}
ACCURACY = Mean(STUDY.name, "accuracy", REAL, 100.0)


def results(folder: Path, *accuracies: float) -> Results:
    keep(seeds(*accuracies), folder)
    return Results(folder, [STUDY])


def test_every_claim_has_a_test_and_every_test_a_claim() -> None:
    listed = [claim.key for claim in claims.claims()]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(claims.tests())


def test_every_claim_says_whose_it_is_and_where() -> None:
    for claim in claims.claims():
        assert claim.paper in published.papers()
        assert all((claim.place, claim.claim, claim.test))
        assert claim.claim.endswith(".")


def test_a_folder_without_runs_tells_no_claim_but_those_of_arithmetic(tmp_path: Path) -> None:
    empty = Results(tmp_path)
    told = {key for key, test in claims.tests().items() if list(test(empty))}
    by_arithmetic = {each.key for each in claims.claims() if each.test.startswith("by arithmetic")}
    assert told == by_arithmetic


def test_claims_of_a_chapter_are_those_of_all_that_name_it() -> None:
    chapters = sorted({claim.chapter for claim in claims.claims()})
    each = [claim for chapter in chapters for claim in claims.claims(chapter)]
    assert sorted(each, key=str) == sorted(claims.claims(), key=str)


@pytest.mark.parametrize(
    ("value", "error", "word"),
    [
        (1.0, 0.4, "holds"),
        (-1.0, 0.4, "fails"),
        (1.0, 0.5, "undecided"),
        (-1.0, 0.6, "undecided"),
        (1.0, math.nan, "undecided"),
        (1.0, math.inf, "undecided"),
        (0.0, 0.0, "undecided"),
        (0.1, 0.0, "holds"),
    ],
)
def test_two_standard_errors_decide(value: float, error: float, word: str) -> None:
    assert claims.judge(Estimate(value, error, 3)) == word


def test_two_runs_decide_nothing() -> None:
    assert claims.judge(Estimate(1.0, 0.01, 2)) == "undecided"
    assert claims.judge(Estimate(1.0, 0.01, 3)) == "holds"


def test_what_nothing_is_recorded_of_is_not_run(tmp_path: Path) -> None:
    assert list(above(ACCURACY)(results(tmp_path))) == []
    assert claims.judge(None) == "not run"


def test_a_mean_is_compared_with_a_number_over_its_seeds(tmp_path: Path) -> None:
    (gap,) = above(ACCURACY, 97.0)(results(tmp_path, 0.97, 0.98, 0.99))
    assert gap.value == pytest.approx(1.0)
    assert gap.error == pytest.approx(1 / math.sqrt(3))


def test_two_means_are_paired_over_their_seeds(tmp_path: Path) -> None:
    (gap,) = above(ACCURACY, ACCURACY)(results(tmp_path, 0.90, 0.95, 0.99))
    assert (gap.value, gap.error, gap.n) == (0.0, 0.0, 3)


def test_one_seed_decides_nothing_unless_it_recorded_an_error(tmp_path: Path) -> None:
    (gap,) = above(ACCURACY, 50.0)(results(tmp_path, 0.9))
    assert claims.judge(gap) == "undecided"


def test_where_runs_scatter_the_error_that_one_of_them_recorded_decides_nothing(
    tmp_path: Path,
) -> None:
    (run,) = seeds(0.9)
    keep([replace(run, metrics={**run.metrics, "accuracy_se": 0.001})], tmp_path)
    kept = Results(tmp_path, [STUDY])
    for scatters, word in ((False, "holds"), (True, "undecided")):
        mean = replace(ACCURACY, scatters=scatters)
        (gap,) = above(mean, 50.0)(kept)
        assert claims.judge(gap) == word


def test_of_several_differences_the_least_favourable_counts(tmp_path: Path) -> None:
    both = every(above(ACCURACY, 90.0), above(ACCURACY, 99.9))
    gaps = both(results(tmp_path, 0.97, 0.98, 0.99))
    assert claims.judge(min(gaps, key=lambda gap: gap.value / gap.error)) == "fails"


def test_several_tests_are_not_run_until_each_is(tmp_path: Path) -> None:
    other = Mean(STUDY.name, "loss", REAL)
    assert every(above(ACCURACY, 0.0), above(other))(results(tmp_path, 0.9, 0.91)) == []
