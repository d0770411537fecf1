from __future__ import annotations

import itertools

import pytest

from distillery_book.results.index import Index
from distillery_book.results.records import Record
from distillery_book.results.study import Cell, Outcome, Study
from made_records import record


def study(*cells: Cell, version: int = 1) -> Study:
    """A study whose cells are those of the paper profile; the others have none."""
    grids = {"smoke": [], "laptop": [], "paper": list(cells)}
    return Study("walk", version, "", grids.__getitem__, lambda cell, context: Outcome({}))


def index_of(*runs: Record) -> Index:
    return Index(study(*(run.cell for run in runs)), runs)


def test_records_of_another_version_do_not_count_but_are_counted() -> None:
    index = Index(study(Cell({"width": 8}, 0), version=2), [record(), record(version=2)])
    assert [run.version for run in index.records] == [2]
    assert index.outdated == 1


def test_records_of_cells_that_the_study_no_longer_has_at_any_profile_do_not_count() -> None:
    grids = {
        "smoke": [],
        "laptop": [Cell({"width": 8}, 0)],
        "paper": [Cell({"width": 9}, 0), Cell({"width": 8}, 1)],
    }
    walk = Study("walk", 1, "", grids.__getitem__, lambda cell, context: Outcome({}))
    runs = [
        record(),
        record(params={"width": 7}),
        record(seed=1),
        record(seed=2),
        record(data="mnist", fingerprint="m"),
    ]
    index = Index(walk, runs)
    assert index.records == [runs[0], runs[2]]
    assert [index.done(profile) for profile in ("smoke", "laptop", "paper")] == [0, 1, 1]


def test_a_cell_is_done_whatever_the_fingerprint_of_its_data() -> None:
    runs = [record(data="mnist", fingerprint=text) for text in "ab"]
    assert Index(study(runs[0].cell), runs).done("paper") == 1


def test_what_is_found_by_looking_up_is_what_fits_one_by_one() -> None:
    values = (1, 1.5, True, "1", "b", None)
    runs = [
        record(
            params={name: value for name, value in zip("xy", pair, strict=True) if value}, seed=n
        )
        for n, pair in enumerate(itertools.product(values, values))
    ]
    index = index_of(*runs)
    asked = [
        {"x": x, "y": y} | seed
        for x, y in itertools.product((*values, 1.0, False, 2), repeat=2)
        for seed in ({}, {"seed": 7}, {"profile": "paper"}, {"z": None})
    ]
    for where in asked:
        assert index.fitting(where) == [run for run in runs if run.fits(where)]
    assert any(index.fitting(where) for where in asked)
    assert index.fitting({}) == runs


def test_what_cannot_be_looked_up_is_refused_by_name() -> None:
    with pytest.raises(
        ValueError, match=r"where has width=\[8\]; a bool, a number, a text or None"
    ):
        index_of(record()).fitting({"width": [8]})


def test_only_the_runs_that_share_the_rarest_value_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index = index_of(*(record(params={"width": width, "kind": "a"}) for width in range(50)))
    looked_at = []
    fits = Record.fits
    monkeypatch.setattr(Record, "fits", lambda run, where: looked_at.append(1) or fits(run, where))
    assert len(index.fitting({"kind": "a", "width": 7})) == len(looked_at) == 1
