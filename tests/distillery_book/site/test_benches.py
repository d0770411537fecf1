"""The page on speed shows the case that does worst, and says so where nothing was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from distillery_book.results import benches as measured
from distillery_book.results.benches import Row, Timing
from distillery_book.site import benches, sphinx_index

ROOT = Path(__file__).resolve().parents[3]
MADE_BY = {"python": "3.11.7", "processor": "Some CPU"}


def row(key: str, case: str, seconds: float) -> Row:
    ours, peer = Timing("ours", [0.002], 2**20), Timing("peer", [seconds], 2**22)
    return measured.row(measured.find(key), case, ours, peer, made_by=MADE_BY)


def test_the_case_that_does_worst_stands_for_all() -> None:
    rows = [row("nade", "batch 20", 0.02), row("nade", "batch 100", 0.008)]
    [_, _, line] = benches.table(rows).splitlines()
    title = measured.find("nade").title
    assert line == (
        f"| {title} (batch 100) | 1 of 2 | 4 times as fast | at least 5 | no | 2 ms | 8 ms | 1, 4 |"
    )
    assert benches.finding(rows) == "0 of 1 comparisons meet what was wanted."


def test_a_missing_rival_is_named_and_not_counted() -> None:
    gone = measured.missing(measured.find("dppy"), "dppy's exact k-DPP", made_by=MADE_BY)
    rows = [row("nade", "batch 20", 0.02), gone]
    assert "| dppy's exact k-DPP is missing | at least 20 |" in benches.table(rows)
    assert benches.finding(rows) == (
        "1 of 1 comparisons meet what was wanted; not installed, and so not measured:"
        " dppy's exact k-DPP."
    )


def test_each_machine_is_named_once_with_the_versions_of_all_that_it_measured() -> None:
    first, second = row("nade", "batch 20", 0.02), row("nade", "batch 100", 0.02)
    second = replace(second, versions="python 3.11.7; rbms 0.5", date=first.date)
    assert benches.machines([first, second]) == (
        f"- {first.date}, on Some CPU: python 3.11.7, rbms 0.5"
    )


def test_without_a_table_the_page_says_so_in_one_sentence() -> None:
    assert benches.finding([]) == benches.NOTHING
    assert benches.table([]) == benches.machines([]) == ""


def test_the_page_holds_every_part_and_every_benchmark() -> None:
    text = (ROOT / "book" / "bench.md").read_text(encoding="utf-8")
    marks = [mark for mark in sphinx_index.MARKS if mark.startswith("<!-- bench")]
    assert [mark for mark in marks if mark not in text] == []
    for benchmark in measured.benchmarks().values():
        assert f"- **{benchmark.title}:** " in benches.rivals()


def test_a_limit_of_one_is_said_in_words() -> None:
    text = benches.rivals()
    assert f"- **{measured.find('member').title}:** at least as fast. " in text
    assert f"- **{measured.find('status').title}:** at most one second. " in text
    assert f"- **{measured.find('gem').title}:** at most 12 times as long. " in text
