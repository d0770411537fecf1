from __future__ import annotations

import math
from pathlib import Path

import pytest

from distillery.partition import Estimate
from distillery_book.pages import intervals
from distillery_book.results import registry
from made_records import STUDY, keep, made


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DISTILLERY_RESULTS", str(tmp_path))
    monkeypatch.setattr(registry, "find", lambda name: STUDY)
    return tmp_path


def test_a_recorded_number_comes_with_its_ends_averaged_over_seeds(results: Path) -> None:
    keep(
        [
            made(seed=seed, metrics={"bridge": 4.0 + seed, "bridge_low": 3.0, "bridge_high": 6.0})
            for seed in range(3)
        ],
        results,
    )
    assert intervals.recorded_interval("made", "bridge", {}) == (5.0, 3.0, 6.0)


def test_an_end_that_no_record_can_hold_is_infinite(results: Path) -> None:
    keep([made(metrics={"importance": 4.0, "importance_high": 6.0, "plain": 1.0})], results)
    assert intervals.recorded_interval("made", "importance", {}) == (4.0, -math.inf, 6.0)
    value, low, high = intervals.recorded_interval("made", "plain", {})
    assert value == 1.0
    assert math.isnan(low)
    assert math.isnan(high)


def test_value_and_ends_may_be_three_metrics_and_three_tables(results: Path) -> None:
    keep([made(metrics={"bridge": 4.0, "lower": 3.0, "upper": 6.0})], results)
    assert intervals.recorded_interval("made", ("bridge", "lower", "upper"), {}) == (4.0, 3.0, 6.0)
    tables = ["thesis_logz_bridge", "thesis_logz_lower_bound", "thesis_logz_upper_bound"]
    assert intervals.printed(tables, 250, "kl") == (451.27, 442.80, 459.01)


def test_every_kind_of_number_has_a_row(results: Path) -> None:
    keep([made(metrics={"bridge": 4.0, "bridge_low": 3.0, "bridge_high": 6.0})], results)
    one = Estimate(4.5, 0.5, 100.0, (3.0, 6.0))
    where = {"a": ("made", "bridge", {}), "b": ("made", "importance", {})}
    frame = intervals.intervals(
        here={"a": one}, recorded=where, published={"a": ("thesis_logz_bridge", 250, "kl")}
    )
    assert list(frame.columns) == ["label", "kind", "value", "low", "high"]
    assert list(zip(frame["label"], frame["kind"], strict=True)) == [
        ("a", "here"),
        ("a", "recorded"),
        ("b", "recorded"),
        ("a", "published"),
    ]
    assert frame["value"].tolist()[:2] == [4.5, 4.0]
    assert math.isnan(frame["value"][2])


def test_a_table_of_estimates_says_how_far_off_each_is() -> None:
    found = {
        "sure": Estimate(4.25, 0.5, 100.0, (2.75, 5.75)),
        "open": Estimate(4.0, 0.04, 3.0, (-math.inf, 4.1), ("few count",)),
    }
    frame = intervals.estimates(found, truth=4.0)
    assert frame["off by"].tolist() == [0.25, 0.0]
    assert frame["interval"].tolist() == ["2.75 to 5.75", "-inf to 4.100"]
    assert frame["doubts"].tolist() == [0, 1]
    assert "off by" not in intervals.estimates(found)


def test_what_is_not_run_is_not_a_number() -> None:
    assert all(math.isnan(number) for number in intervals.recorded_interval("made", "bridge", {}))


@pytest.mark.parametrize(
    ("table", "place", "ends"),
    [
        ("thesis_logz_bridge", (250, "kl"), (451.27, 451.14, 451.39)),
        ("thesis_logz_upper_bound", (250, "kl"), (459.01, 458.81, 459.21)),
    ],
)
def test_a_printed_number_reaches_three_standard_errors_to_either_side(
    table: str, place: tuple[object, ...], ends: tuple[float, ...]
) -> None:
    assert intervals.printed(table, *place) == pytest.approx(ends)


def test_a_number_printed_without_a_spread_has_no_ends() -> None:
    value, low, high = intervals.printed(
        "thesis_logz_reference", "max_unnormalised_logprob_all_black", "logz"
    )
    assert value == 436.49
    assert math.isnan(low)
    assert math.isnan(high)


def test_a_place_without_a_column_is_refused_with_what_is_needed() -> None:
    with pytest.raises(ValueError, match=r"place is \(250,\): \(hidden, column\) is needed"):
        intervals.printed("thesis_logz_bridge", 250)
