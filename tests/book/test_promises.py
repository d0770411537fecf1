"""What the page of promises says is held by a test is held by one of that name."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book" / "promises.md").read_text(encoding="utf-8")
MOST_WORDS = 700


def rows(page: str) -> list[list[str]]:
    """The cells of every promise."""
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] not in ("promise", "---")]


def held_by(cell: str) -> list[tuple[str, str]]:
    """The tests of a cell, as file and name; several of a file stand before it."""
    return [
        (file, name.replace(" ", "_"))
        for names, file in re.findall(r"((?:[^`(]|\((?!`))*)\(`([^`]+)`\)", cell)
        for name in re.findall(r"\*([^*]+)\*", names)
    ]


TESTS = [test for row in rows(PAGE) for test in held_by(row[1])]


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("file", "name"), TESTS, ids=lambda text: text)
def test_the_test_that_holds_a_promise_exists(file: str, name: str) -> None:
    assert f"test_{name}" in names_in(file)


def test_every_promise_is_held_by_a_test() -> None:
    assert len(rows(PAGE)) >= 12
    assert [row[0] for row in rows(PAGE) if len(row) != 3 or not held_by(row[1])] == []
    assert len(TESTS) == len(re.findall(r"\*[^*]+\*", "".join(row[1] for row in rows(PAGE))))


def test_a_promise_whose_test_is_gone_would_be_noticed() -> None:
    page = "| Nothing ever fails. | *nothing ever fails* (`book/test_promises.py`) | |"
    [[file, name]] = held_by(rows(page)[0][1])
    assert f"test_{name}" not in names_in(file)


def test_the_page_is_short_and_stands_in_the_contents() -> None:
    assert len([word for word in PAGE.split() if re.search(r"\w", word)]) <= MOST_WORDS
    assert "- file: book/promises\n" in (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert "promises.md" in (ROOT / "book" / "running.md").read_text(encoding="utf-8")
