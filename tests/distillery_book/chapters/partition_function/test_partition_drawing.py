"""What chapter 10 draws from the recorded runs: brackets that close, and machines that are known."""

from __future__ import annotations

import math
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from distillery_book.chapters.partition_function import drawing, partition
from distillery_book.figures.charts import Bars, Interval
from distillery_book.results.results import Results
from distillery_book.results.verdicts import NOT_RUN

mpl.use("agg")


def test_bounds_of_three_times_as_many_temperatures_are_nearer() -> None:
    made = drawing.closing()
    numbers = [int(position.replace(",", "")) for position in made.positions]
    widths = []
    for heaps, rows in made.marks:
        forward, reverse = (heap for heap in heaps if isinstance(heap, Bars))
        lower, *_, upper = (row for row in rows if isinstance(row, Interval))
        assert (forward.mean, reverse.mean) == pytest.approx((lower.value, upper.value), abs=1e-3)
        widths.append(upper.value - lower.value)
    for few, wide in zip(numbers, widths, strict=True):
        for many, narrow in zip(numbers, widths, strict=True):
            assert narrow < wide or many < 3 * few


def test_every_path_stands_in_one_bar() -> None:
    for heaps, _ in drawing.closing().marks:
        for heap in heaps:
            assert isinstance(heap, Bars)
            assert sum(heap.heights) == pytest.approx(1)


def test_the_last_sentence_says_the_finest_estimate_with_two_errors() -> None:
    made = drawing.closing()
    assert made.positions[-1] == f"{partition.FINEST.temperatures:,}"
    assert re.search(r"say 451\.25 ± 0\.02\.$", made.says[-1])


def test_a_reader_can_go_either_way_from_the_start() -> None:
    made = drawing.closing()
    assert 0 < made.start < len(made.positions) - 1


def test_a_number_of_temperatures_without_a_run_says_so() -> None:
    assert drawing._run(Results.open(), 7) is None
    assert drawing._sentence(7, None).endswith(f"{NOT_RUN}.")
    assert drawing._marks(Results.open(), None) == [[], []]


def test_a_bracket_that_was_not_run_says_so() -> None:
    axis = drawing.brackets({"nobody": ("lower_nobody", "upper_nobody", {})})
    assert [text.get_text() for text in axis.texts] == [NOT_RUN]
    plt.close("all")


def test_an_end_that_was_not_recorded_is_infinite() -> None:
    kept = drawing._run(Results.open(), 1000)
    assert kept is not None
    interval = drawing._interval(kept.drop("bridge_high"), 2, "bridge")
    assert interval.high == math.inf
    assert interval.low == kept["bridge_low"]


def test_coverage_has_a_row_for_every_estimator_of_the_study() -> None:
    from distillery_book.chapters.partition_function import coverage

    table = drawing.coverage_table()
    assert len(table) == len(coverage.ESTIMATORS)
    assert table.shape[1] == len(coverage.MACHINES)
