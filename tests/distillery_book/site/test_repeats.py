"""The scoreboard's part on runs that were made again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from distillery_book.results import repeated
from distillery_book.results.repeated import Repeat
from distillery_book.results.results import Results
from distillery_book.site.scores import repeats
from made_records import outcome

SAME = outcome(
    study="one_loop",
    params={"loss": "a<b"},
    verdict=repeated.IDENTICAL,
    worst="error",
    recorded=0.5,
    found=0.5,
    allowed=0.0,
)


def shown(folder: Path, *outcomes: Repeat) -> str:
    for one in outcomes:
        repeated.append(one, folder)
    return repeats.html(Results(folder))


def test_a_row_counts_each_outcome_by_seed_and_tells_the_last_day(tmp_path: Path) -> None:
    fresh = replace(SAME, is_fresh=True, verdict=repeated.WITHIN)
    later = replace(SAME, verdict=repeated.NEAR, finished="2026-03-04T00:00:00+00:00")
    page = shown(tmp_path, SAME, SAME, fresh, later)
    assert "<td>2 identical, 1 near</td><td>1 within the spread</td><td>2026-03-04<small>" in page
    assert page.count("<tr>") == 2


def test_what_is_not_as_it_should_be_is_named_with_its_number(tmp_path: Path) -> None:
    off = replace(SAME, verdict=repeated.DIFFERS, found=0.75)
    broken = replace(SAME, verdict=repeated.FAILED, error="RuntimeError: no", found=None)
    page = shown(tmp_path, off, broken)
    assert "1 differs, 1 failed" in page
    assert "loss a&lt;b: error is 0.75, recorded 0.5, allowed ±0" in page
    assert "loss a&lt;b: RuntimeError: no" in page


def test_a_study_of_which_nothing_was_made_again_is_named_below_the_table(tmp_path: Path) -> None:
    table, _, below = shown(tmp_path, SAME).partition("</table>")
    assert "one_loop" in table
    assert "density" not in table
    assert below.startswith("<p>Not made again yet: ")
    assert "<code>density</code>" in below
    assert "one_loop" not in below
