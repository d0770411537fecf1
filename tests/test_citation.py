"""`CITATION.cff` has the form that readers of such files expect, and says of the five papers what
the book's bibliography says.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pybtex.database import Entry, Person, parse_file

from distillery_book.site.front import known

ROOT = Path(__file__).resolve().parents[1]
CITATION: dict[str, Any] = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
WORKS: list[dict[str, Any]] = CITATION["references"]
BIBLIOGRAPHY = parse_file(ROOT / "book" / "references.bib").entries

# Those fields of format 1.2.0 that may stand here, and what each of them is.
OF_THE_PROJECT = {
    "cff-version": str,
    "message": str,
    "title": str,
    "type": str,
    "version": str,
    "license": list,
    "authors": list,
    "keywords": list,
    "references": list,
}
OF_A_WORK = {
    "type": str,
    "thesis-type": str,
    "title": str,
    "authors": list,
    "institution": dict,
    "conference": dict,
    "year": int,
    "start": int,
    "end": int,
    "status": str,
    "identifiers": list,
    "doi": str,
    "url": str,
    "notes": str,
}
TYPES = {
    "mastersthesis": {"thesis"},
    "inproceedings": {"conference-paper"},
    "misc": {"article", "conference-paper", "unpublished"},
}


def test_the_project_is_described_by_fields_of_the_format_alone() -> None:
    assert {name: type(value) for name, value in CITATION.items()} == OF_THE_PROJECT
    assert (CITATION["cff-version"], CITATION["type"]) == ("1.2.0", "software")
    assert all(isinstance(word, str) for word in CITATION["keywords"])


@pytest.mark.parametrize("work", WORKS, ids=lambda work: f"{work['title'][:20]}-{work['year']}")
def test_a_work_is_described_by_fields_of_the_format_alone(work: dict[str, Any]) -> None:
    assert {name: type(value) for name, value in work.items()}.items() <= OF_A_WORK.items()
    assert work.keys() >= {"type", "title", "authors", "year"}
    assert work.get("status", "preprint") in ("preprint", "submitted")
    for entity in (work.get("institution"), work.get("conference")):
        assert entity is None or list(entity) == ["name"]
    for author in work["authors"]:
        assert list(author) in (["name"], ["family-names", "given-names"])
    for identifier in work.get("identifiers", []):
        assert list(identifier) == ["type", "value"]
        assert identifier["type"] in ("doi", "url", "swh", "other")


def test_the_works_are_the_papers_of_the_front_page() -> None:
    cited = {_place(work["title"], work["year"]) for work in WORKS}
    entries = [BIBLIOGRAPHY[paper.cite] for paper in known.papers()]
    assert cited == {_place(entry.fields["title"], entry.fields["year"]) for entry in entries}
    assert len(WORKS) == len(cited) == 5


@pytest.mark.parametrize("work", WORKS, ids=lambda work: f"{work['title'][:20]}-{work['year']}")
def test_a_work_is_cited_as_in_the_bibliography(work: dict[str, Any]) -> None:
    entry = _entry(work)
    assert work["type"] in TYPES[entry.type]
    assert [_name(author) for author in work["authors"]] == list(
        map(_spelled, entry.persons["author"])
    )
    assert work.get("doi") == entry.fields.get("doi")
    assert _pages(work) == entry.fields.get("pages")
    eprint = entry.fields.get("eprint")
    values = [identifier["value"] for identifier in work.get("identifiers", [])]
    assert values == ([f"arXiv:{eprint}"] if eprint else [])
    said = " ".join(entry.fields.values())
    for entity in (work.get("institution"), work.get("conference")):
        assert entity is None or entity["name"] in said
    assert work.get("url", "").rpartition("/")[2] in said


def _entry(work: dict[str, Any]) -> Entry:
    place = _place(work["title"], work["year"])
    [entry] = [
        entry
        for entry in BIBLIOGRAPHY.values()
        if _place(entry.fields["title"], entry.fields.get("year", "")) == place
    ]
    return entry


def _place(title: str, year: int | str) -> tuple[str, str]:
    """What tells two works apart: two versions of one bear the same title."""
    return re.sub(r"[{}]", "", title), str(year)


def _name(author: dict[str, str]) -> str:
    return author.get("name") or f"{author['given-names']} {author['family-names']}"


def _spelled(person: Person) -> str:
    parts = [*person.first_names, *person.middle_names, *person.prelast_names, *person.last_names]
    return " ".join(parts).strip("{}")


def _pages(work: dict[str, Any]) -> str | None:
    return f"{work['start']}--{work['end']}" if "start" in work else None
