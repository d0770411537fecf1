"""What the papers conclude: every sentence has its test, and differences decide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from distillery import metrics
from distillery.metrics import Estimate
from distillery_book.results import claims, published, store
from distillery_book.results.claims import Answers, Mean, above, combined, every
from distillery_book.results.results import Results
from made_records import STUDY, keep, seeds

REAL = {"inputs": "real"}
ACCURACY = Mean(STUDY.name, "accuracy", REAL, 100.0)
OURS, THEIRS = (
    Mean(STUDY.name, name, REAL, 100.0, answers=Answers(name, 1)) for name in ("ours", "theirs")
)
IMAGES = 16


def results(folder: Path, *accuracies: float) -> Results:
    keep(seeds(*accuracies), folder)
    return Results(folder, [STUDY])


def answered(folder: Path, *sides: Sequence[Tensor], stored: int = 99) -> Results:
    """A run for each seed, in which two sides answered these images rightly; the first so many
    runs stored the answers, as the second row of two.
    """
    for seed, rights in enumerate(zip(*sides, strict=True)):
        shares = dict(zip(("ours", "theirs"), rights, strict=True))
        bits = {name: np.stack([0 * right, right]) for name, right in shares.items()}
        packed = {name: torch.from_numpy(np.packbits(b, axis=1)) for name, b in bits.items()}
        name = store.put_arrays(store.pack(packed), study=STUDY.name, version=1, results=folder)
        (run,) = seeds(0.5, arrays=name if seed < stored else None)
        metrics_of = {name: float(right.double().mean()) for name, right in shares.items()}
        keep([replace(run, seed=seed, metrics=metrics_of)], folder)
    return Results(folder, [STUDY])


def images(*right: int) -> Tensor:
    """Of sixteen test images these were answered rightly."""
    return torch.zeros(IMAGES, dtype=torch.uint8).index_fill_(0, torch.tensor(right), 1)


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


def test_seeds_that_are_alike_leave_the_error_over_test_images(tmp_path: Path) -> None:
    ours, theirs = images(*range(12)), images(*range(10))
    (gap,) = above(OURS, THEIRS)(answered(tmp_path, [ours] * 3, [theirs] * 3))
    by_image = metrics.paired_difference(100 * ours, 100 * theirs)
    assert gap.value == pytest.approx(by_image.value)
    assert gap.error == pytest.approx(by_image.error)
    assert gap.n == 3


def test_seeds_that_scatter_further_than_test_images_leave_their_own_error(
    tmp_path: Path,
) -> None:
    theirs = [images(*range(8))] * 3
    ours = [images(*range(2)), images(*range(9)), images(*range(16))]
    (gap,) = above(OURS, THEIRS)(answered(tmp_path, ours, theirs))
    assert gap.error == pytest.approx(metrics.mean_and_error([-37.5, 6.25, 50.0]).error)


def test_an_image_that_seeds_answer_differently_counts_by_its_mean(tmp_path: Path) -> None:
    theirs = [images(0)] * 2
    ours = [images(0, 1), images(0, 2)]
    (gap,) = above(OURS, THEIRS)(answered(tmp_path, ours, theirs))
    each = torch.tensor([0.0, 50.0, 50.0] + [0.0] * (IMAGES - 3))
    assert gap.error == pytest.approx(metrics.mean_and_error(each).error)


@pytest.mark.parametrize("stored", [0, 2])
def test_where_a_run_stored_no_answers_seeds_alone_decide(tmp_path: Path, stored: int) -> None:
    ours, theirs = images(*range(12)), images(*range(10))
    (gap,) = above(OURS, THEIRS)(answered(tmp_path, [ours] * 3, [theirs] * 3, stored=stored))
    assert (gap.value, gap.error) == (12.5, 0.0)


def test_where_a_side_names_no_answers_seeds_alone_decide(tmp_path: Path) -> None:
    results = answered(tmp_path, [images(1, 2)] * 3, [images(1)] * 3)
    (gap,) = above(OURS, replace(THEIRS, answers=None))(results)
    assert gap.error == 0.0


def test_one_seed_decides_nothing_though_its_answers_are_stored(tmp_path: Path) -> None:
    (gap,) = above(OURS, THEIRS)(answered(tmp_path, [images(*range(16))], [images(0)]))
    assert math.isinf(gap.error)


def test_a_weighted_sum_has_the_error_of_the_sum_on_each_image(tmp_path: Path) -> None:
    ours, theirs = images(0, 1, 2, 5), images(1, 2, 3)
    results = answered(tmp_path, [ours] * 2, [theirs] * 2)
    (total,) = combined((2.0, OURS), (-0.5, THEIRS), plus=3.0)(results)
    expected = metrics.mean_and_error(200.0 * ours.double() - 50.0 * theirs.double())
    assert total.value == pytest.approx(expected.value + 3.0)
    assert total.error == pytest.approx(expected.error)
