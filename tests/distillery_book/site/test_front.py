"""What the first page shows comes from papers, tables and records, all of them."""

from __future__ import annotations

import re

import pytest

from distillery_book.results import published, registry
from distillery_book.results.claims import claims
from distillery_book.results.results import Results
from distillery_book.site.front import conclusions, headlines, known, loop, strip, verdict_squares


@pytest.fixture(scope="module")
def results() -> Results:
    return Results.open()


def test_there_is_a_square_for_every_number_that_the_papers_print(results: Results) -> None:
    page = verdict_squares.html(results)
    numbers = sum(1 for table in published.tables() for _ in table.cells())
    assert verdict_squares.total(results) == numbers
    assert page.count("title=") == numbers
    told = re.findall(r"<li><i class='is-[a-z-]+'></i>(\d+)", page)
    assert sum(map(int, told)) == numbers


def test_the_cards_are_the_papers_of_tables_and_claims(results: Results) -> None:
    keys = [paper.key for paper in known.papers()]
    assert sorted(keys) == sorted(published.papers())
    assert {claim.paper for claim in claims()} <= set(keys)
    cards = conclusions.cards(results)
    assert [paper.title for paper in known.papers() if paper.title not in cards] == []
    chapters = {number for paper in known.papers() for number in paper.chapters}
    assert {chapter.number for chapter in registry.chapters().values()} <= chapters
    assert all(not known.subject(number).startswith("Chapter ") for number in chapters)


def test_every_conclusion_that_fails_stands_on_the_page(results: Results) -> None:
    page = conclusions.failures(results)
    failed = [one for one in conclusions.judged(results) if one.verdict == "fails"]
    assert [one.claim.key for one in failed if one.claim.claim not in page] == []


def test_headlines_are_printed_numbers_of_many_tables_run_or_not(results: Results) -> None:
    shown = headlines.headlines(results)
    assert len({headline.cell.table for headline in shown}) > 8
    assert len({headline.cell.place for headline in shown}) == len(shown)
    page = headlines.html(results)
    assert page.count("<svg") == len(shown)
    assert page.count('class="recorded"') == sum(one.recorded is not None for one in shown)


def test_the_strip_falls_from_whole_pictures_to_few_bits(results: Results) -> None:
    rows = strip.rows()
    bits = [row.bits for row in rows]
    assert bits == sorted(bits, reverse=True)
    assert bits[0] == strip.WHOLE
    assert bits[-1] < 20
    assert {168, 62, 38} < set(bits)
    page = strip.html()
    assert page.count("<img alt=") == len(rows)
    assert page.count("data:image/png;base64,") == len(rows)


def test_the_strip_is_empty_where_its_study_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strip.registry, "names", list)
    assert strip.html() == ""


def test_the_loop_needs_no_script_and_is_told_in_words() -> None:
    picture = loop.html()
    assert "<script" not in picture
    assert "<desc" in picture
    assert "\n\n" not in picture


def test_one_conclusion_holds_and_two_hold() -> None:
    (claim, *_) = claims()
    words = ["holds", "fails", "fails", "undecided"]
    told = conclusions._told([conclusions.Judged(claim, word) for word in words])
    assert told == "1 holds, 2 fail, 1 undecided"
