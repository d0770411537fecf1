"""The page says when the newest packages were last tried, and what moved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from distillery_book.site import sphinx_index
from distillery_book.site.newest import outcome, page
from distillery_book.site.newest.outcome import Moved, Outcome

ROOT = Path(__file__).resolve().parents[4]
FOUND = Outcome(
    "2026-01-02",
    "0123456789abcdef",
    "3.11.7",
    180,
    {"torch": ("2.15", "2.16"), "six": ("1", "")},
    [Moved("01_page, cell a", "number", "1.0", "2.0"), Moved("tests.a::b", "test", "passed", "|`")],
)


def test_an_outcome_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "newest.json"
    assert outcome.read(path) is None
    outcome.write(FOUND, path)
    assert outcome.read(path) == FOUND


@pytest.mark.parametrize("text", ["{", "[]", '{"date": "2026-01-02"}'])
def test_a_file_that_is_no_outcome_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "newest.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"newest\.json"):
        outcome.read(path)


def test_the_page_tells_the_day_what_moved_and_the_versions() -> None:
    text = page.markdown(FOUND)
    assert "on 2026-01-02, at commit `0123456789` with Python 3.11.7: 2 of 180 packages" in text
    assert "and 2 things moved." in text
    assert "| `01_page, cell a` | number | `1.0` | `2.0` |" in text
    assert "| `tests.a::b` | test | `passed` | `¦'` |" in text
    assert "torch 2.15 → 2.16, six 1 → absent." in text


def test_a_long_list_is_cut_and_says_how_much_is_left() -> None:
    many = replace(FOUND, moved=[FOUND.moved[0]] * (page.LONGEST + 7))
    assert page.markdown(many).count("| number |") == page.LONGEST
    assert "There are 7 more" in page.markdown(many)


def test_where_nobody_has_tried_the_page_says_so() -> None:
    assert page.markdown(None) == page.NOTHING
    assert "nothing moved." in page.markdown(replace(FOUND, moved=[]))


def test_the_page_on_running_has_a_place_for_it() -> None:
    assert "<!-- newest -->" in sphinx_index.MARKS
    assert "<!-- newest -->" in (ROOT / "book" / "running.md").read_text(encoding="utf-8")
