"""Chapter 4 reads the runs that the study makes, and is whole before there are any."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from distillery_book.chapters.curricula import claims, figures
from distillery_book.results import registry
from distillery_book.results.claims import Mean
from distillery_book.results.results import Results

PLACES = [
    pytest.param(
        claims.accuracy("compress_100x", after, student=student, curriculum=curriculum),
        id=f"{student} {after} {curriculum}",
    )
    for student in figures.STUDENTS
    for after in (1000, claims.SHORT, claims.LONG)
    for curriculum in ("", "active", "active and diverse")
]


@pytest.mark.parametrize("mean", PLACES)
def test_what_is_asked_for_is_a_cell_of_the_study_at_each_of_its_seeds(mean: Mean) -> None:
    cells = registry.find(mean.study).cells("paper")
    fitting = [cell for cell in cells if mean.where.items() <= cell.params.items()]
    assert len(fitting) >= 2
    assert len({cell.seed for cell in fitting}) == len(fitting)


@pytest.mark.parametrize("mean", PLACES)
def test_the_answers_of_a_mean_are_those_that_its_metric_is_the_share_of(mean: Mean) -> None:
    results = Results.open()
    runs = mean.runs(results)
    assert runs or mean.where.get("episodes") == claims.LONG
    for run in runs.values():
        right = mean.right(run, results)
        assert right is not None
        assert 100 * right.double().mean() == pytest.approx(mean.value(run))


def test_what_is_printed_hurts_the_smallest_subsets_alone() -> None:
    printed = figures.printed_gains((1000, claims.SHORT, claims.LONG))
    hurt = set(printed[printed["value"] < 0]["label"])
    assert hurt == {figures.LABELS["sample_2pct"], figures.LABELS["sample_1pct"]}


def test_figures_are_whole_before_any_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILLERY_RESULTS", str(tmp_path))
    assert len(figures.misread("compress_100x", curriculum="active")[0]) == 0
    assert figures.gains("active", (1000,))["value"].isna().all()
    assert figures.beside_published()["value"].notna().sum() == len(figures.TABLE_3)
    assert figures.chosen("active", 1000).sum() == 0
    assert figures.word(claims.gain("real", 1000, "active")) == "not run"
    assert figures.active_against("compress_100x", "", student="mlp") == "not run"


def test_a_wide_table_speaks_in_words_and_leaves_out_what_nobody_has_run() -> None:
    places = [(10, "sample_1pct"), (10, "real"), (100, "sample_1pct"), (100, "real")]
    index = pd.MultiIndex.from_tuples(places, names=["episodes", "column"])
    recorded = ["not run", "9.00 ± 1.00", "not run", "not run"]
    verdicts = ["not run", "agrees, reduced", "not run", "not run"]
    frame = pd.DataFrame({"recorded": recorded, "published": 8.0, "verdict": verdicts}, index)
    wide = figures.by_marks(frame)
    assert list(wide.columns) == [10]
    assert list(wide.index) == ["all images, labels", "1 % of them, labels"]
    assert wide.loc["all images, labels", 10] == "9.00 ± 1.00 [8.0] agrees"


def test_costs_are_compared_with_an_example_drawn_at_random() -> None:
    costs = figures.costs()
    assert list(costs.index) == list(figures.CURRICULA)
    each, times = costs.T.to_numpy()
    assert times.tolist() == pytest.approx((each / each[0]).tolist())
    assert times[0] == 1
