import pandas as pd
import pytest

from distillery_book.pages import summaries

RUNS = pd.DataFrame(
    {"loss": ["b", "b", "a", "a"], "n": [2, 2, 2, 1], "error": [1.0, 3.0, 5.0, 7.0]}
)


def test_a_spread_is_the_mean_and_two_standard_errors_over_runs_in_the_frames_order() -> None:
    found = summaries.spread(RUNS, ["loss"], ["error"])
    assert list(found.index) == ["b", "a"]
    assert list(found["error"]) == ["2 ± 2", "6 ± 2"]
    assert list(found["n"]) == [2, 2]


def test_a_large_spread_is_written_without_an_exponent() -> None:
    runs = pd.DataFrame({"loss": ["a", "a"], "seconds": [300.0, 420.0]})
    assert list(summaries.spread(runs, ["loss"], ["seconds"], ".0f")["seconds"]) == ["360 ± 100"]


def test_one_run_has_no_spread() -> None:
    assert list(summaries.spread(RUNS, ["loss", "n"], ["error"])["error"]) == ["2 ± 2", "5", "7"]


def test_no_runs_read_not_run() -> None:
    assert list(summaries.spread(RUNS[:0], ["loss"], ["error"])["error"]) == ["not run"]


def test_numbers_become_texts_and_what_is_none_reads_not_run() -> None:
    frame = summaries.shown({"a": 1.0, "b": float("nan")}, ".1f", title="nats")
    assert frame["nats"].to_dict() == {"a": "1.0", "b": "not run"}
    assert summaries.shown(pd.DataFrame({"x": [2.0], "y": [None]}, dtype=float)).iloc[
        0
    ].tolist() == ["2.000", "not run"]


def test_a_series_is_sorted_by_x_and_has_the_spread_of_y() -> None:
    x, mean, deviation = summaries.series(RUNS, "n", "error", "loss")["a"]
    assert (x.tolist(), mean.tolist(), deviation.tolist()) == ([1, 2], [7, 5], [0, 0])
    assert summaries.series(RUNS, "n", "error", "loss")["b"][2].tolist() == [pytest.approx(2**0.5)]


def test_an_unknown_column_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="no column 'mistake': they have loss, n, error"):
        summaries.spread(RUNS, ["loss"], ["mistake"])


def test_the_values_of_one_key_may_become_columns() -> None:
    runs = pd.DataFrame({"loss": ["b", "a"] * 2, "n": [1, 1, 2, 2], "error": [1.0, 3.0, 5.0, 7.0]})
    wide = summaries.spread(runs, ["n", "loss"], ["error"], across="loss")
    assert list(wide.columns) == ["loss b", "loss a", "n"]
    assert wide.loc[2].tolist() == ["5", "7", 1]
