"""Chapter 5's figures: every printed row has a recorded run to stand beside it, and shares are of the
joint bound.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from distillery_book.chapters.forgetting import answers, claims, figures, grid
from distillery_book.results import published
from distillery_book.results.results import Results
from distillery_book.results.verdicts import Recorded


@pytest.mark.parametrize("table", [answers.TABLE_4, answers.TABLE_5])
def test_every_row_of_a_printed_table_has_a_name_and_stands_beside_its_runs(table: str) -> None:
    places = figures.places(table)
    cells = published.table(table).cells()
    assert sorted(map(str, places.values())) == sorted(str(cell.place) for cell in cells)
    assert list(figures.runs(table)) == list(places)


def test_a_setting_is_named_in_words() -> None:
    names = [figures.in_words(how) for how in figures.CANDIDATES]
    assert names[0] == "SGD at 0.1, 10 at a time"
    assert len(set(names)) == len(names)


def test_each_claim_compares_runs_of_the_grid() -> None:
    cells = [cell.params for cell in grid.cells("paper")]

    def exists(mean: claims.Mean) -> bool:
        return any(
            all(params.get(name) == value for name, value in mean.where.items()) for params in cells
        )

    means = [
        claims.recollections(10),
        claims.recollections(50),
        claims.counted(),
        claims.counted(start="cifar10"),
        claims.retained("both", **grid.recollections(50)),
        claims.retained("gem", images=grid.IMAGES),
        claims.distortion("own"),
        claims.alphabets("online"),
    ]
    assert all(exists(mean) for mean in means)


def test_what_was_not_run_is_not_a_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Results, "open", classmethod(lambda cls: cls(tmp_path)))
    assert np.isnan(figures.matrix(grid.where("online"))).all()
    assert np.isnan(figures.retained("online"))
    assert figures.against_bits() == {}
    assert set(figures.in_the_same_bits()["retained (%)"]) == {"not run"}
    assert figures.pictures(grid.where("online"))["pictures"].equal(torch.zeros(8, 3, 32, 32))
    assert list(figures.calibration().index) == ["published"]


def test_a_lead_is_not_a_number_where_nothing_was_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Results, "open", classmethod(lambda cls: cls(tmp_path)))
    assert np.isnan(figures.lead(claims.recollections(10), claims.retained("online")))
    assert np.isnan(figures.held("jpeg 25", **figures.FULL))


def test_ways_of_remembering_are_compared_by_runs_of_the_grid() -> None:
    cells = [cell.params for cell in grid.cells("paper")]
    for means in figures.remembered("superclass").values():
        for mean in means:
            matching = [
                params
                for params in cells
                if all(params.get(name) == value for name, value in mean.where.items())
            ]
            assert len({str(params) for params in matching}) == 1, mean


def test_shares_are_drawn_from_the_fewest_bits_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = {10: (30.0, 245760.0), grid.IMAGES: (40.0, 4915200.0)}

    def recorded(mean: claims.Mean) -> Recorded | None:
        if mean.where["method"] == "joint":
            return found(50.0)
        if mean.where["method"] != "replay":
            return None
        return found(held[mean.where["images"]][mean.metric != "retained"])

    monkeypatch.setattr(figures, "percent", recorded)
    (drawn,) = figures.against_bits().values()
    images, share, low, high = drawn
    assert images.tolist() == [10.0, 200.0]
    assert share.tolist() == [0.6, 0.8]
    assert (low < share).all()
    assert (share < high).all()


def test_a_memory_is_listed_with_two_standard_errors_and_what_it_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def recorded(mean: claims.Mean) -> Recorded | None:
        if mean.where["method"] != "jpeg 25":
            return None
        return found(4528.7 if mean.metric == "held" else 50.72)

    monkeypatch.setattr(figures, "percent", recorded)
    table = figures.in_the_same_bits()
    copies = table.loc[("200 photographs", "JPEG copies")]
    assert copies.tolist() == ["4,529", "50.7 ± 1.0", "1"]
    assert set(table["retained (%)"].drop("JPEG copies", level="kept")) == {"not run"}


def found(value: float) -> Recorded:
    return Recorded(value, None, 0.5, 1, "paper", "cifar100", 1.0, {}, claims.STUDY)
