"""Chapter 11's figures hold no number where nothing was run, and what is printed where it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from distillery_book.chapters.information import figures
from distillery_book.results.results import Results


@pytest.fixture(autouse=True)
def _nothing_recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Results, "open", classmethod(lambda cls: cls(tmp_path)))


def test_what_was_not_run_is_not_drawn() -> None:
    assert figures.by_images(("student", "vid_i")) == {}
    assert figures.maps() == {}
    assert figures.variances(100) == {}
    assert np.isnan(figures.recorded("vid_i", images=100))
    assert figures.gained(100)["nats"].isna().all()


def test_printed_numbers_stand_from_the_fewest_images_on() -> None:
    images, right = figures.printed(("vid_i",))["VID-I"]
    assert images.tolist() == [100, 500, 1000, 5000]
    assert right.tolist() == [81.59, 88.09, 89.73, 91.85]


def test_a_column_of_a_table_has_a_row_for_each_method_printed_in_it() -> None:
    few = figures.dots(figures.TABLE_1, "M100", images=100)
    assert len(few) == 2 * len(figures.LABELS)
    assert few[few["kind"] == "recorded"]["value"].isna().all()
    perceptrons = figures.dots(figures.TABLE_4, "mlp_1024", network="mlp-1024")
    assert list(dict.fromkeys(perceptrons["label"])) == ["labels alone", "KD", "FitNet", "VID-I"]
