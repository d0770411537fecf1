"""The tables of chapter 6."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from distillery_book.chapters.ensembles import figures, tables
from distillery_book.chapters.ensembles.grid import FIRST
from distillery_book.results.claims import Mean
from distillery_book.results.results import Results


def test_every_row_of_the_thesis_is_shown_for_each_tenth_and_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def by_place(mean: Mean) -> list[float]:
        if mean.where["tenth"] == FIRST:
            return [94.04, 85.0, 94.1]
        return [96.0] if mean.where["start"] else []

    monkeypatch.setattr(tables, "each_run", by_place)
    starts = tables.starts()
    assert list(starts.index) == list(figures.printed("10pct"))
    assert starts.loc["NADE, slopes"].tolist()[1:] == [
        "85.0 to 94.1 (3 runs)",
        "96.0 (1 run)",
        "not run",
    ]


def test_another_tenth_changes_nothing_else_of_a_row() -> None:
    first, other = (tables.started("noise, slopes", way) for way in (tables.FIRST, tables.RANDOM))
    assert first == figures.printed("10pct")["noise, slopes"][1]
    assert other.where == {**first.where, "tenth": None}


def test_what_is_better_says_on_how_many_runs_it_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "each_run", lambda mean: [98.0, 99.0])
    better = tables.better()
    assert set(better.to_numpy().ravel()) == {"98.50 (2 runs)"}
    assert list(better.columns) == list(figures.SEEN.values())


def test_tables_are_whole_before_any_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILLERY_RESULTS", str(tmp_path))
    assert set(tables.better().to_numpy().ravel()) == {"not run"}
    assert set(tables.starts().drop(columns="published").to_numpy().ravel()) == {"not run"}
    assert tables.gain_of_nade(tables.RANDOM) is None
    gap, runs = tables.short_of_goal("ensemble_accuracy")
    assert math.isnan(gap)
    assert runs == 0


def test_what_falls_short_of_a_goal_is_counted_in_points(monkeypatch: pytest.MonkeyPatch) -> None:
    goals = [(("ours",), 98.4, 98.3, 2), (("other",), 97.6, 98.2, 1)]
    frame = pd.DataFrame(goals, columns=["keys", "aim", "value", "n"])
    monkeypatch.setattr(Results, "table", lambda *_: frame)
    assert tables.short_of_goal("ours") == (pytest.approx(0.1), 2)
    assert tables.short_of_goal("other") == (pytest.approx(-0.6), 1)
