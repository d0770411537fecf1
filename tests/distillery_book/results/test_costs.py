"""What recorded runs cost is what their records say, and a power law is found where one was laid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distillery_book.results import costs
from distillery_book.results.records import Record
from distillery_book.results.results import Results
from distillery_book.results.study import Cell, Outcome, Study
from made_records import keep, made, record


def run(size: Any, seconds: float, **changes: Any) -> Record:
    other = changes.pop("other", 0)
    return record(params={"size": size, "other": other}, seconds=seconds, **changes)


def grown(*runs: Record) -> costs.Growth | None:
    return costs.growth("walk", "size", runs)


def test_seconds_of_one_core_count_every_thread_and_of_a_gpu_once() -> None:
    assert costs.core_seconds(record(seconds=3.0, threads=2)) == 6.0
    assert costs.core_seconds(record(seconds=3.0, threads=2, device="cuda")) == 3.0


def test_a_study_costs_the_sum_the_median_and_the_longest_of_its_runs(tmp_path: Path) -> None:
    cells = [Cell({"inputs": "real"}, seed, "mnist") for seed in range(5)]
    study = Study("made", 1, "", lambda profile: cells, lambda cell, context: Outcome({}))
    times = [(1.0, 1, 50.0), (2.0, 1, 90.0), (3.0, 2, 70.0)]
    keep(
        [
            made(seed=seed, seconds=seconds, threads=threads, peak_memory_mb=memory)
            for seed, (seconds, threads, memory) in enumerate(times)
        ],
        tmp_path,
    )
    [cost] = costs.costs(Results(tmp_path, [study]))
    assert (cost.profile, cost.device, cost.cells, cost.runs) == ("paper", "cpu", 5, 3)
    assert (cost.seconds, cost.median, cost.longest, cost.memory_mb) == (9.0, 2.0, 6.0, 90.0)


def test_runs_on_a_gpu_are_told_apart(tmp_path: Path) -> None:
    cells = [Cell({"inputs": "real"}, seed, "mnist") for seed in range(2)]
    study = Study("made", 1, "", lambda profile: cells, lambda cell, context: Outcome({}))
    keep([made(seed=0), made(seed=1, device="cuda", seconds=4.0)], tmp_path)
    found = costs.costs(Results(tmp_path, [study]))
    assert [(one.device, one.runs, one.seconds) for one in found] == [
        ("cpu", 1, 10.0),
        ("cuda", 1, 4.0),
    ]


def test_the_exponent_of_an_exact_power_is_found_within_settings_of_any_level() -> None:
    first = [run(size, 2.0 * size**1.5) for size in (1, 10, 100)]
    second = [run(size, 50.0 * size**1.5, other=1) for size in (3, 30, 300)]
    found = grown(*first, *second)
    assert found is not None
    assert found.exponent == pytest.approx(1.5)
    assert found.error == pytest.approx(0, abs=1e-6)
    assert (found.lowest, found.highest, found.values) == (1, 300, 6)
    assert (found.settings, found.runs) == (2, 6)


def test_what_differs_in_anything_else_is_not_compared() -> None:
    alike = [run(size, float(size)) for size in (1, 2, 4)]
    for change in ({"other": 1}, {"threads": 2}, {"data": "mnist"}, {"device": "cuda"}):
        mixed = [*alike[:2], run(4, 4.0, **change)]
        assert grown(*mixed) is None
    assert grown(*alike) is not None


def test_two_values_tell_nothing_unless_each_has_several_seeds() -> None:
    assert grown(run(1, 1.0), run(2, 2.0)) is None
    assert grown(run(1, 1.0), run(1, 1.0, seed=1), run(2, 2.0)) is None
    pairs = [run(size, float(size), seed=seed) for size in (1, 2) for seed in (0, 1)]
    found = grown(*pairs)
    assert found is not None
    assert (found.exponent, found.runs) == (pytest.approx(1.0), 4)


def test_the_error_is_that_of_least_squares() -> None:
    """Three points at logarithms -1, 0, 1 with residuals 1, -2, 1: a variance of 6 over one
    degree of freedom, and a sum of squares of 2.
    """
    e = 2.718281828459045
    found = grown(run(1 / e, e), run(1.0, e**-2), run(e, e))
    assert found is not None
    assert (found.exponent, found.error) == (pytest.approx(0, abs=1e-12), pytest.approx(3**0.5))


def test_zero_is_left_out_and_a_place_is_no_size() -> None:
    sizes = [run(size, float(size or 9)) for size in (0, 1, 2, 4)]
    found = grown(*sizes)
    assert found is not None
    assert (found.exponent, found.runs) == (pytest.approx(1.0), 3)
    assert grown(*(run(size, 1.0) for size in (-1, 1, 2, 4))) is None


def test_truth_and_words_are_no_sizes() -> None:
    assert grown(*(run(size, 1.0) for size in (True, False, "small"))) is None
