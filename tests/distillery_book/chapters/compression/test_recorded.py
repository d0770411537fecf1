"""What chapter 2 makes of recorded runs: published points where they belong, nothing that was not
run, and sizes in full.
"""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from distillery_book.chapters.compression import places, recorded, strips
from distillery_book.chapters.compression.grid import CODES, LATENTS
from distillery_book.pages.texts import NOT_RUN


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILLERY_RESULTS", str(tmp_path))


def runs(*lines: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(list(lines), columns=["model", "c", "l", "codes", "bits", "train"])


def test_published_codes_have_whole_bits_and_the_errors_of_the_printed_table() -> None:
    points = recorded.published_categorical().set_index("label")
    assert len(points) == 27
    assert points.loc["168 × 2", "bits"] == 168
    assert points.loc["168 × 2", "loss"] == 0.01955


def test_published_rivals_stand_where_their_printed_compression_puts_them() -> None:
    points = recorded.published_continuous()
    assert points["bits"].tolist() == [128, 256, 384, 640, 896, 2560]
    table = recorded.continuous_table()
    printed = [49, 24.5, 16.333, 9.8, 7, 2.45]
    ours = [float(text) for text in table["published", "ratio"]]
    assert ours == pytest.approx(printed, abs=0.06)


@pytest.mark.usefixtures("nothing")
def test_tables_and_points_are_whole_before_any_run() -> None:
    assert set(recorded.counted()["kind"]) == {"categorical, published", "continuous, published"}
    table = recorded.categorical_table()
    assert len(table) == len(CODES)
    assert set(table["our training"]) == set(table["papers' training"]) == {NOT_RUN}
    assert set(recorded.continuous_table()["ours", "error"]) == {NOT_RUN}
    assert len(recorded.continuous_table()) == len(LATENTS)
    assert recorded.not_run() == list(CODES)
    assert all(math.isnan(hours) for hours in recorded.hours_to_go().values())
    assert set(recorded.goals()["on disk"]) == {NOT_RUN}
    assert recorded.for_the_same()["bits"].notna().sum() == 3
    assert strips.codes() == strips.predictable() == NOT_RUN


def test_hours_of_codes_that_were_not_run_grow_with_the_square_of_their_filters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Recorded:
        def runs(self, _study: str) -> pd.DataFrame:
            codes = pd.DataFrame({"c": [168, 208, 38], "l": [2, 2, 2], "passes": [60, 60, 20]})
            seconds = 1800 + (codes["c"] * codes["l"] / 4) ** 2
            seconds[2] = 1e6  # of few passes, and so of no account
            return codes.assign(model="categorical", data="mnist", seconds=seconds)

    monkeypatch.setattr(recorded.Results, "open", Recorded)
    monkeypatch.setattr(recorded, "not_run", lambda: [(20, 18), (209, 8)])
    hours = recorded.hours_to_go()
    assert list(hours) == ["209 × 8", "20 × 18"]
    assert list(hours.values()) == pytest.approx([0.5 + 418**2 / 3600, 0.5 + 90**2 / 3600])


def test_runs_that_were_given_up_are_of_no_code_that_counts() -> None:
    counting = recorded.points("", {"168 × 2": places.code(168, 2)})
    given_up = places.given_up(model="categorical", c=168, data="mnist")
    assert given_up
    assert counting["loss"].item() not in [run.metrics["train"] for run in given_up]
    assert all(run.fits({"c": 168}) for run in given_up)


def test_the_fewest_bits_are_over_points_of_the_kind_that_lose_no_more() -> None:
    points = pd.DataFrame(
        [("a", "", 10, 0.5), ("a", "", 20, 0.2), ("a", "", 30, 0.1), ("b", "", 5, 0.1)],
        columns=["kind", "label", "bits", "loss"],
    )
    assert recorded.fewest_bits(0.2, "a", points) == 20
    assert recorded.fewest_bits(0.1, "b", points) == 5
    assert math.isnan(recorded.fewest_bits(0.05, "a", points))


def test_a_set_in_full_is_its_codes_the_decoder_in_16_bits_the_prior_and_what_all_share() -> None:
    run = pd.Series(
        {
            "bits": 38.0,
            "bits_coded_argmax": 30.0,
            "bits_on_disk": 16.0,
            "bits_prior": 8_000.0,
            "parameters_decoder": 1_000.0,
            "shared_bytes": 3_000.0,
            "train": 0.06,
            "train_argmax": 0.05,
        }
    )
    assert recorded.in_full(run) == (50_000 * 16 / 8_000 + 1 + 2 + 3, 0.05)
    assert recorded.in_full(run[["bits", "train"]]) == (50_000 * 38 / 8_000, 0.06)
    known = run.drop("bits_on_disk")[["bits", "bits_coded_argmax", "train"]]
    assert recorded.in_full(known) == (50_000 * 30 / 8_000, 0.06)


def test_the_least_is_over_runs_that_lose_no_more_and_a_dash_stands_where_none_does() -> None:
    frame = runs(
        {"model": "jpeg", "bits": 160.0, "train": 0.05},
        {"model": "jpeg", "bits": 320.0, "train": 0.02},
        {"model": "png", "bits": 1600.0, "train": 0.0},
    )
    table = recorded.least_kilobytes(frame, {"nothing": 0.0, "little": 0.02, "much": 0.05})
    assert table.loc["jpeg"].tolist() == ["–", "2,000", "1,000"]
    assert table.loc["png"].tolist() == ["10,000", "10,000", "10,000"]


def test_without_records_the_table_says_that_nothing_was_run() -> None:
    assert recorded.least_kilobytes(runs(), {"nothing": 0.0}).loc[NOT_RUN].tolist() == ["–"]


def test_a_strip_of_codes_counts_what_the_papers_count() -> None:
    strip = strips.codes()
    assert not isinstance(strip, str)
    bits, errors, sizes = strip.meters
    at = list(strip.positions).index("38 bits")
    assert bits.values[at] == 38
    assert sizes.values[at] == pytest.approx((50_000 * 38 + 32 * 37_146) / 8e3)
    assert f"{errors.values[at]:.3f}" in strip.says[at]
    assert strip.start == at
