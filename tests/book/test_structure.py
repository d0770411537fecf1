"""What every chapter keeps to: its names and order, its size, its cells, its captions, the form in
which it is committed.
"""

from __future__ import annotations

import ast
import html
import re
import statistics
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml

from distillery_book.site import ipynb
from distillery_book.site.pytest_notebooks import comparison

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def test_chapters_stand_in_the_contents_in_the_order_of_their_numbers() -> None:
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    listed = [entry["file"] for part in contents["parts"] for entry in part["chapters"]]
    assert [name for name in listed if re.match(r"book/\d", name)] == [
        f"book/{path.stem}" for path in CHAPTERS
    ]
    numbers = [int(path.stem[:2]) for path in CHAPTERS]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 1
    assert all(re.fullmatch(r"\d\d(_[a-z0-9]+)+", path.stem) for path in CHAPTERS)


def test_the_index_leads_to_every_chapter() -> None:
    index = (ROOT / "book" / "index.md").read_text()
    assert [path.name for path in CHAPTERS if f"({path.name})" not in index] == []


@each_chapter
def test_a_chapter_is_a_valid_notebook_with_one_title_and_a_bold_finding(path: Path) -> None:
    nbformat.validate(nbformat.read(path, as_version=4))
    prose = [ipynb.source(cell) for cell in _cells(path) if cell["cell_type"] == "markdown"]
    assert prose[0].startswith("# ")
    assert (
        sum(len(re.findall(r"^# ", _without_fences(text), flags=re.MULTILINE)) for text in prose)
        == 1
    )
    assert "**" in prose[0] + prose[1]


@each_chapter
def test_a_chapter_is_committed_as_refresh_writes_it(path: Path) -> None:
    notebook = ipynb.read(path)
    assert path.read_text(encoding="utf-8") == ipynb.text(ipynb.refreshed(notebook, notebook)), (
        "run `make refresh`"
    )


@each_chapter
def test_every_number_that_prose_shows_was_glued_by_the_page(path: Path) -> None:
    prose = "\n".join(
        ipynb.source(cell) for cell in _cells(path) if cell["cell_type"] == "markdown"
    )
    shown = {name: text for _, name, text, _ in ipynb.GLUED.findall(prose)}
    glued = ipynb.glued(ipynb.read(path))
    assert shown
    assert {name: html.escape(glued.get(name, ""), quote=False) for name in shown} == shown
    assert "glue:text" not in prose, (
        "a role is shown by the site alone: <span data-glue=...> by JupyterLab too"
    )


@each_chapter
def test_a_chapter_was_run_from_top_to_bottom_without_an_error(path: Path) -> None:
    code = _code(path)
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert [
        output
        for output in outputs
        if output["output_type"] == "error" or output.get("name") == "stderr"
    ] == []


@each_chapter
def test_most_code_cells_end_in_something_to_look_at(path: Path) -> None:
    code = [cell for cell in _code(path) if not _only_prepares(cell)]
    assert sum(bool(cell["outputs"]) for cell in code) >= 0.75 * len(code)


@each_chapter
def test_a_chapter_has_thirty_to_forty_five_cells_and_at_most_300_kib(path: Path) -> None:
    assert 30 <= len(_cells(path)) <= 45
    assert path.stat().st_size <= 300 * 1024


@each_chapter
def test_code_cells_are_short(path: Path) -> None:
    lengths = [
        len([line for line in ipynb.source(cell).splitlines() if line.strip()])
        for cell in _code(path)
    ]
    assert statistics.median(lengths) <= 5
    assert max(lengths) <= 15


@each_chapter
def test_a_chapter_defines_no_class_and_no_training_loop(path: Path) -> None:
    trees = [ast.parse(ipynb.source(cell)) for cell in _code(path)]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    assert [node.name for node in nodes if isinstance(node, ast.ClassDef)] == []
    assert [
        node for node in nodes if isinstance(node, ast.Attribute) and node.attr == "backward"
    ] == []


@each_chapter
def test_the_parameters_are_typed_commented_and_few(path: Path) -> None:
    tagged = [cell for cell in _code(path) if "parameters" in ipynb.tags(cell)]
    assert len(tagged) == 1
    lines = ipynb.source(tagged[0]).strip().splitlines()
    assert len(lines) <= 8
    assert [
        line
        for line in lines
        if not re.fullmatch(r"\w+: (str|int|float|bool) = [^#]+  # \S.*", line)
    ] == []
    assert next(iter(ipynb.parameters(ipynb.read(path)).items())) == ("profile", ("str", "smoke"))


@each_chapter
def test_every_picture_is_a_figure_whose_caption_is_a_sentence(path: Path) -> None:
    pictures = [
        cell
        for cell in _code(path)
        if any("image/png" in output.get("data", {}) for output in cell["outputs"])
    ]
    figures = [cell["metadata"].get("mystnb", {}).get("figure", {}) for cell in pictures]
    assert pictures
    assert [
        figure
        for figure in figures
        if not re.search(r"\w{2,}.*[.)]$", figure.get("caption", "").strip(), flags=re.DOTALL)
    ] == []
    names = [figure.get("name", "") for figure in figures]
    assert all(name.startswith("fig-") for name in names)
    assert len(set(names)) == len(names)


@each_chapter
def test_every_cell_says_rightly_how_it_is_compared(path: Path) -> None:
    for cell in _code(path):
        comparison(cell["metadata"])


@each_chapter
def test_a_chapter_has_checks_compared_exactly(path: Path) -> None:
    """What stands below the heading `Checks` are facts, which hold on any machine."""
    below, inside = [], False
    for cell in _cells(path):
        if cell["cell_type"] == "markdown" and (
            heading := re.search(r"^## (.+)$", ipynb.source(cell), flags=re.MULTILINE)
        ):
            inside = heading[1].lower().startswith("check")
        elif inside and cell["cell_type"] == "code":
            below.append(cell)
    assert below
    assert all(comparison(cell["metadata"])[0] == "exact" and cell["outputs"] for cell in below)


@cache
def _cells(path: Path) -> list[dict[str, Any]]:
    return list(ipynb.read(path)["cells"])


def _code(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in _cells(path) if cell["cell_type"] == "code"]


def _only_prepares(cell: dict[str, Any]) -> bool:
    """Imports and parameters show nothing."""
    return "parameters" in ipynb.tags(cell) or all(
        isinstance(line, ast.Import | ast.ImportFrom) for line in ast.parse(ipynb.source(cell)).body
    )


def _without_fences(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
