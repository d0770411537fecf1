"""The book's own tables and lists, altered."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from distillery_book.results import claims, published, reasons
from distillery_book.site.front import headlines, known
from mutations import of_json, of_table
from strangers import Format, try_all

BOOK = Path(__file__).resolve().parents[2] / "book"
TABLE = "thesis_logz_bridge"
ANSWERS: Any = SimpleNamespace(answers={})  # of no runs


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The book's files alone, in a repository of their own."""
    for folder in ("published", "front"):
        shutil.copytree(BOOK / folder, tmp_path / "book" / folder)
    (tmp_path / "_config.yml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "book"


def afresh(read: Callable[[], Any]) -> Callable[[Path], Any]:
    """What is read anew at each call."""

    def answer(path: Path) -> Any:
        published._schema.cache_clear()
        published._table.cache_clear()
        return read()

    return answer


def everything() -> Any:
    cells = [cell for table in published.tables() for cell in table.cells()]
    return cells, published.helps(), published.papers()


def _numbers(answer: Any, content: bytes) -> None:
    for cell in answer.cells():
        assert abs(cell.value) < float("inf")
        assert abs(cell.tolerance) < float("inf")
        assert cell.column.direction in published.DIRECTIONS


@pytest.mark.parametrize(
    ("folder", "name", "read"),
    [
        ("published", "aims.csv", published.aims),
        ("published", "claims.csv", claims.claims),
        ("front", "not_run.csv", reasons.reasons),
        ("front", "headlines.csv", lambda: headlines.headlines(ANSWERS)),
    ],
)
def test_an_altered_list_of_the_book_is_refused_or_read(
    folder: str, name: str, read: Callable[[], Any], clone: Path
) -> None:
    kind = Format(afresh(read), name, [of_table])
    assert try_all(kind, [(clone / folder / name).read_bytes()], clone / folder, times=0.25) > 0


def test_an_altered_table_is_refused_or_holds_numbers(clone: Path) -> None:
    kind = Format(afresh(lambda: published.table(TABLE)), f"{TABLE}.csv", [of_table], _numbers)
    content = (clone / "published" / kind.name).read_bytes()
    assert try_all(kind, [content], clone / "published", times=0.5) > 0


def test_an_altered_schema_is_refused_or_describes_tables(clone: Path) -> None:
    kind = Format(afresh(everything), "schema.json", [of_json])
    content = (clone / "published" / "schema.json").read_bytes()
    try_all(kind, [content], clone / "published", times=0.25)


def test_altered_facts_of_the_papers_are_refused_or_read(clone: Path) -> None:
    kind = Format(lambda _: known.papers(), "papers.toml")
    content = (clone / "front" / "papers.toml").read_bytes()
    assert try_all(kind, [content], clone / "front", times=0.25) > 0
