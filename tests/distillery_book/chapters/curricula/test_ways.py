"""Chapter 4's table of better ways, made of no runs and of some."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from distillery.metrics import Estimate
from distillery_book.chapters.curricula import ways
from distillery_book.chapters.transfer import transfer
from distillery_book.chapters.transfer import ways as tried
from distillery_book.results.results import Results


def test_every_way_of_the_study_has_a_row_and_each_row_has_cells() -> None:
    cells = [cell.params for cell in transfer.cells("paper") if "way" in cell.params]
    expected = {(params["columns"], params["way"]) for params in cells}
    assert set(ways.WAYS.values()) == expected
    assert {name for _, name in expected} == set(tried.WAYS)
    for way in ways.WAYS:
        for curriculum in ways.DRAWN.values():
            where = ways.accuracy(way, curriculum).where
            fitting = [params for params in cells if where.items() <= params.items()]
            assert len(fitting) == transfer.SEEDS


def test_a_way_that_is_not_run_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Results, "mean", lambda *_, **__: None)
    frame = ways.tried()
    assert list(frame.index) == list(ways.WAYS)
    assert set(frame.xs("right, %", axis=1, level=1).to_numpy().ravel()) == {"not run"}


def test_a_way_shows_what_it_adds_with_two_standard_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    class Known:
        value, n = 98.5, 3

    monkeypatch.setattr(Results, "mean", lambda *_, **__: Known())
    monkeypatch.setattr(ways, "difference", lambda _: Estimate(0.5, 0.1, 3))
    monkeypatch.setattr(ways, "word", lambda _: "better")
    frame = ways.tried()
    assert set(frame["active", "gain, points"]) == {"+0.50 ± 0.20"}
    assert set(frame["active", "right, %"]) == {"98.50"}
    assert set(frame["at random", "seeds"]) == {"3"}


def test_of_one_run_no_error_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    found = SimpleNamespace(value=98.5, n=1)
    monkeypatch.setattr(ways, "_mean", lambda *_: found)
    monkeypatch.setattr(ways, "difference", lambda _: Estimate(-0.5, math.inf, 1))
    assert set(ways.tried()["active", "gain, points"]) == {"-0.50"}


def test_the_highest_of_all_ways_is_a_number_once_one_is_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ways, "_mean", lambda *_: None)
    assert math.isnan(ways.highest())
    values = {"temperature 5": 98.0, "pictures shifted": 97.0}
    known = {way: SimpleNamespace(value=value) for way, value in values.items()}
    monkeypatch.setattr(ways, "_mean", lambda way, _: known.get(way))
    assert ways.highest() == 98.0
