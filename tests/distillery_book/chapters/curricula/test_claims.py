"""Chapter 4 reads the runs that the study makes, and is whole before there are any."""

from __future__ import annotations

from pathlib import Path

import pytest

from distillery_book.chapters.curricula import claims, figures
from distillery_book.results import registry
from distillery_book.results.claims import Mean

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
