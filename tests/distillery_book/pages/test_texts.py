from __future__ import annotations

import math

import pytest

from distillery import metrics
from distillery_book.pages import texts


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (97.7512, 0.061, "97.75 ± 0.06"),
        (97.7512, math.nan, "97.75"),
        (97.7512, math.inf, "97.75"),
        (math.nan, 1.0, "not run"),
    ],
)
def test_a_number_reads_with_how_far_it_may_be_off(value: float, error: float, text: str) -> None:
    assert texts.give_or_take(value, error, ".2f") == text


@pytest.mark.parametrize(
    ("what", "text"),
    [
        (1.0, "1.00"),
        ((1.0, 0.5), "1.00 ± 0.50"),
        ((1.0,), "1.00"),
        (math.nan, "not run"),
        ((math.nan, 1.0), "not run"),
        ("seven", "seven"),
        (metrics.Estimate(1.0, 0.25, 9), "1.00 ± 0.50"),
        (metrics.Estimate(1.0, math.nan, 1), "1.00"),
    ],
)
def test_what_was_computed_here_is_shown_in_the_format_of_its_column(
    what: texts.Shown, text: str
) -> None:
    assert texts.shown(what, ".2f") == text


def test_departures_say_what_was_published_and_what_was_done() -> None:
    pairs = {"passes": [500, 20], "optimizer": ["SGD", "Adam"]}
    assert texts.departures(pairs) == "passes 500 → 20; optimizer SGD → Adam"
    assert texts.departures({}) == ""
