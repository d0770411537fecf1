"""The scoreboard shows every published number and every conclusion, as the first page and the README
count them, and says of each that is not run why.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from distillery_book.results import published, reasons
from distillery_book.results.claims import claims
from distillery_book.results.results import Results
from distillery_book.site.front import headlines, verdict_squares
from distillery_book.site.scores import (
    conclusions,
    downloads,
    missing,
    numbers,
    picture,
    places,
    standing,
)
from made_records import STUDY, TABLE, keep, seeds

ROOT = Path(__file__).resolve().parents[3]
MOST_BYTES = 450_000  # of what we write; with what surrounds it a page stays below 600 kB


@pytest.fixture(scope="module")
def results() -> Results:
    return Results.open()


@pytest.fixture(scope="module")
def table(results: Results) -> str:
    return numbers.html(results)


def test_every_published_number_has_a_row_and_a_mark_in_the_same_order(
    results: Results, table: str
) -> None:
    printed = [cell for each in published.tables() for cell in each.cells()]
    kinds = re.findall(r'<tr data-verdict="([^"]+)"', table)
    drawn, _, _ = picture.html(results).partition("</svg>")
    marks = re.findall(r'<use href="#score-([^"]+)"', drawn)
    assert len(kinds) == len(printed)
    assert marks == [kind.replace(" ", "-") for kind in kinds]


def test_the_scoreboard_counts_as_the_first_page_does(results: Results, table: str) -> None:
    rows = verdict_squares.counts(re.findall(r'<tr data-verdict="([^"]+)"', table))
    squares = re.findall(r"<li><i class='is-([a-z-]+)'></i>(\d+)", verdict_squares.html(results))
    assert {kind: int(count) for kind, count in squares} == {
        kind.replace(" ", "-"): count for kind, count in rows.items()
    }


def test_the_readme_and_the_first_page_say_what_the_scoreboard_finds(results: Results) -> None:
    [glued] = standing.GLUED.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert glued == standing.finding(results), "run `make refresh`"
    for page in ("index.md", "12_scoreboard.md"):
        assert "<!-- scores: finding -->" in (ROOT / "book" / page).read_text(encoding="utf-8")


def test_the_readme_is_written_anew_between_its_marks_alone(
    tmp_path: Path, results: Results
) -> None:
    readme = tmp_path / "README.md"
    text = "Above\n\n<!-- scoreboard -->\n{}\n<!-- end of scoreboard -->\nBelow\n"
    readme.write_text(text.format("old\nnumbers"))
    assert standing.refresh(readme, results)
    assert readme.read_text() == text.format(standing.finding(results))
    assert not standing.refresh(readme, results)
    assert not standing.refresh(tmp_path / "no such file", results)


def test_headlines_have_the_verdicts_of_the_scoreboard(results: Results) -> None:
    verdicts = {one.cell.place: one.verdict for one in standing.standings(results)}
    shown = headlines.headlines(results)
    assert {one.cell.place: one.verdict for one in shown} == {
        one.cell.place: verdicts[one.cell.place] for one in shown
    }


def test_every_number_and_conclusion_that_is_not_run_has_a_reason(results: Results) -> None:
    known = reasons.reasons()
    unrun = [*missing.unrun_numbers(results, known), *missing.unrun_claims(results, known)]
    assert [name for name, reason in unrun if reason is None] == [], (
        "say in book/front/not_run.csv why"
    )


def test_reasons_name_what_exists_in_whole_sentences_with_hours_that_are_numbers() -> None:
    tables, keys = set(published.names()), {claim.key for claim in claims()}
    for reason in reasons.reasons():
        assert set(reason.of) <= tables | keys
        rows = {
            "|".join(map(str, cell.row.values()))
            for name in reason.of
            if name in tables
            for cell in published.table(name).cells()
        }
        assert set(reason.rows) <= rows
        assert re.fullmatch(r"[A-Z].{40,}\.", reason.says)
        assert re.fullmatch(
            r"|[\d.]+( to [\d.]+| and [\d.]+)?( or more)?( each| a r(un|ow))?", reason.hours
        )


def test_a_reason_for_some_rows_says_nothing_of_the_others() -> None:
    every, some = reasons.Reason(("a",), (), "", ""), reasons.Reason(("a",), ("2|x",), "", "")
    assert reasons.why("a", (2, "x"), [some, every]) is some
    assert reasons.why("a", (3, "x"), [some, every]) is every
    assert reasons.why("a", (3, "x"), [some]) is None
    assert reasons.why("b", (2, "x"), [some, every]) is None


def test_every_conclusion_has_a_row_and_those_not_run_lead_to_a_reason(results: Results) -> None:
    page, why = conclusions.html(results), missing.html(results)
    verdicts = re.findall(r'<tr data-verdict="([^"]+)"', page)
    assert len(verdicts) == len(claims())
    targets = re.findall(r'href="#(why-\d+)"', page)
    assert len(targets) == verdicts.count("not run")
    assert set(targets) <= set(re.findall(r'id="(why-\d+)"', why))


def test_every_row_leads_to_a_heading_of_its_chapter(table: str) -> None:
    led = set(re.findall(r'<th scope="row"><a href="(\d\d\w+)\.html#([^"]+)"', table))
    assert len(led) >= 7
    for page, anchor in led:
        notebook = json.loads((ROOT / "book" / f"{page}.ipynb").read_text(encoding="utf-8"))
        prose = "\n".join("".join(cell["source"]) for cell in notebook["cells"])
        headings = re.findall(r"^##+ (.+)$", prose, flags=re.MULTILINE)
        assert anchor in {places.make_id(heading) for heading in headings}


def test_a_number_better_than_published_stands_to_the_right_and_a_worse_one_to_the_left(
    tmp_path: Path,
) -> None:
    scores = []
    for name, accuracies in {
        "better": (0.9950, 0.9952, 0.9951),
        "worse": (0.97, 0.9702, 0.9701),
    }.items():
        (tmp_path / name).mkdir()
        keep(seeds(*accuracies), tmp_path / name)
        found = standing.standings(Results(tmp_path / name, [STUDY]))
        [one] = [one for one in found if one.recorded is not None]
        assert one.table.name == TABLE
        scores.append(one.score)
    assert scores[0] > 1
    assert scores[1] < -1
    assert picture._column(scores[0]) > picture._column(0.0) > picture._column(scores[1])


def test_marks_at_the_ends_stay_in_the_picture() -> None:
    columns = [picture._column(score) for score in (None, -99.0, -4.1, -0.1, 0.1, 4.1, 99.0)]
    assert columns == [-1, 0, 0, 8, 9, picture.COLUMNS - 1, picture.COLUMNS - 1]


def test_the_parts_of_the_page_are_light(results: Results, table: str) -> None:
    parts = [table, conclusions.html(results), picture.html(results), missing.html(results)]
    assert sum(len(part.encode()) for part in parts) < MOST_BYTES
    assert [part[:60] for part in parts if "\n" in part] == []  # a blank line would end the html


def test_the_downloads_hold_every_number_in_three_forms(tmp_path: Path, results: Results) -> None:
    downloads.write(tmp_path, results)
    folder = tmp_path / downloads.FOLDER
    with open(folder / "scoreboard.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    objects = json.loads((folder / "scoreboard.json").read_text(encoding="utf-8"))
    assert len(lines) == len(objects) == len(results.cells)
    assert [each["reason"] or "" for each in objects] == [line["reason"] for line in lines]
    assert all(
        line["reason"] for line in lines if line["verdict"] == "not run" and line["table"] != "aims"
    )
    markdown = (folder / "scoreboard.md").read_text(encoding="utf-8")
    assert [name for name in published.names() if f"| {name} | column |" not in markdown] == []
    assert all(name in downloads.html() for name in downloads.NAMES.values())
