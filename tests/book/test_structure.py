"""What every chapter keeps to: its place in the book, its size, its cells, its captions, the form in
which it is committed.
"""

from __future__ import annotations

import ast
import html
import re
import statistics
from functools import cache, partial
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from sphinx.util.matching import patfilter

from distillery_book.results import registry
from distillery_book.site import ipynb
from distillery_book.site.pytest_notebooks import comparison

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "book").glob("*.ipynb"))
SCOREBOARD = (
    ROOT / "book" / "12_scoreboard.md"
)  # the last chapter: no notebook, but made of records
FIRST_PAGES = [path for path in PAGES if path.stem[2] == "_"]
each_chapter = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)

# A chapter is read in twenty minutes, and its code by reading.
MOST_WORDS, FEWEST_FIGURES, MOST_FIGURES, MOST_OPEN_TABLES = 1800, 6, 10, 5
MOST_STATEMENTS, MEDIAN_STATEMENTS, MOST_OPEN_STATEMENTS = 12, 6, 60
MOST_IN_A_FINDING = 250  # characters
WORDS_A_MINUTE, SECONDS_A_PICTURE, SECONDS_A_LINE = 200, 40, 10  # a newcomer's pace
MINUTES = {"ten": 10, "fifteen": 15, "twenty": 20, "twenty-five": 25, "thirty": 30}


def test_the_contents_list_every_page_of_every_chapter_in_the_order_of_numbers() -> None:
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    [pattern] = [entry["glob"] for entry in contents["parts"][0]["chapters"]]
    book = ROOT / "book"
    documents = [
        path.relative_to(ROOT).with_suffix("").as_posix()
        for suffix in ("md", "ipynb")
        for path in book.rglob(f"*.{suffix}")
    ]
    listed = sorted(patfilter(documents, pattern))  # as the contents sort them
    pages = [*PAGES, SCOREBOARD]
    assert listed == [f"book/{path.stem}" for path in pages]
    numbers = [re.findall(r"^(\d\d)([a-z]?)_", path.stem)[0] for path in pages]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == ("01", "")
    assert all(re.fullmatch(r"\d\d[a-z]?(_[a-z0-9]+)+", path.stem) for path in pages)


def test_every_first_page_has_a_folder_and_every_second_page_a_first() -> None:
    declared = {chapter.notebook for chapter in registry.listed().values()}
    assert {path.stem for path in FIRST_PAGES} == declared
    assert {path.stem[:2] for path in PAGES} == {name[:2] for name in declared}


def test_the_index_has_a_place_for_what_chapters_say_and_names_none_itself() -> None:
    index = (ROOT / "book" / "index.md").read_text()
    assert "\n<!-- chapters -->\n" in index
    assert "\n<!-- findings -->\n" in index
    assert re.findall(r"\d\d[a-z]?_\w+\.ipynb", index) == []


def test_every_number_of_a_finding_is_glued_by_its_own_chapter() -> None:
    for chapter in registry.listed().values():
        told = re.findall(r"\{glue:text\}`(\w+)\.ipynb::([\w-]+):s`", chapter.finding)
        glued = ipynb.glued(ipynb.read(ROOT / "book" / f"{chapter.notebook}.ipynb"))
        assert chapter.finding.count("{glue") == len(told)
        assert [name for page, name in told if page != chapter.notebook] == []
        assert [name for _, name in told if name not in glued] == []


def test_a_finding_is_said_in_three_lines() -> None:
    for chapter in registry.listed().values():
        glued = ipynb.glued(ipynb.read(ROOT / "book" / f"{chapter.notebook}.ipynb"))
        number = partial(lambda values, role: values[role[1]], glued)
        said = re.sub(r"\{glue:text\}`\w+\.ipynb::([\w-]+):s`", number, chapter.finding)
        assert len(said.replace("*", "")) <= MOST_IN_A_FINDING, said


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
def test_a_page_has_at_most_300_kib(path: Path) -> None:
    assert path.stat().st_size <= 300 * 1024


@each_chapter
def test_a_page_is_read_in_twenty_minutes(path: Path) -> None:
    prose = "\n".join(ipynb.source(c) for c in _cells(path) if c["cell_type"] == "markdown")
    figures = [cell for cell in _code(path) if _shows(cell, "image/png")]
    tables = [cell for cell in _code(path) if _shows(cell, "text/html") and not _is_folded(cell)]
    assert _words(prose) <= MOST_WORDS
    assert len(figures) <= MOST_FIGURES
    assert len(figures) >= FEWEST_FIGURES or path not in FIRST_PAGES
    assert len(tables) <= MOST_OPEN_TABLES


@each_chapter
def test_the_box_promises_no_fewer_minutes_than_a_newcomer_needs(path: Path) -> None:
    """Reading words, looking at what is open of figures and tables, reading visible code."""
    prose = "\n".join(ipynb.source(c) for c in _cells(path) if c["cell_type"] == "markdown")
    is_open = [cell for cell in _code(path) if not _is_folded(cell)]
    pictures = [cell for cell in is_open if _shows(cell, "image/png") or _shows(cell, "text/html")]
    visible = [ipynb.source(cell) for cell in is_open if "hide-input" not in ipynb.tags(cell)]
    lines = [line for code in visible for line in code.splitlines() if line.strip()]
    looking = len(pictures) * SECONDS_A_PICTURE + len(lines) * SECONDS_A_LINE
    [promised] = re.findall(r"\*\*To read:\*\* ([\w-]+) minutes", prose)
    assert _words(prose) / WORDS_A_MINUTE + looking / 60 <= MINUTES[promised]


@each_chapter
def test_no_code_cell_has_more_than_twelve_statements(path: Path) -> None:
    lengths = {cell["id"]: _statements(cell) for cell in _code(path)}
    assert {name: length for name, length in lengths.items() if length > MOST_STATEMENTS} == {}


@each_chapter
def test_most_code_cells_are_short(path: Path) -> None:
    assert statistics.median(_statements(cell) for cell in _code(path)) <= MEDIAN_STATEMENTS


@each_chapter
def test_a_page_shows_at_most_sixty_statements(path: Path) -> None:
    hidden = {"hide-input", "hide-cell"}
    visible = [cell for cell in _code(path) if not hidden & set(ipynb.tags(cell))]
    assert sum(map(_statements, visible)) <= MOST_OPEN_STATEMENTS


@each_chapter
def test_a_table_speaks_in_words_but_where_runs_come_from(path: Path) -> None:
    tables = [
        output["data"]["text/html"]
        for cell in _code(path)
        if _shows(cell, "text/html") and "notebook.provenance(" not in ipynb.source(cell)
        for output in cell["outputs"]
        if "text/html" in output.get("data", {})
    ]
    cells = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", "".join(map(_joined, tables)), flags=re.DOTALL)
    assert [cell for cell in cells if re.search(r"\w_\w", cell)] == []


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
    pictures = [cell for cell in _code(path) if _shows(cell, "image/png")]
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


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


@cache
def _cells(path: Path) -> list[dict[str, Any]]:
    return list(ipynb.read(path)["cells"])


def _code(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in _cells(path) if cell["cell_type"] == "code"]


def _shows(cell: dict[str, Any], kind: str) -> bool:
    return any(kind in output.get("data", {}) for output in cell["outputs"])


def _is_folded(cell: dict[str, Any]) -> bool:
    return bool({"hide-output", "hide-cell"} & set(ipynb.tags(cell)))


def _words(prose: str) -> int:
    """Words to read: code, formulas, marks and what is behind a click are none."""
    left_out = r"<details>.*?</details>|```.*?```|<[^>]*>|\$[^$]*\$"
    return len(re.sub(left_out, "", prose, flags=re.DOTALL).split())


def _statements(cell: dict[str, Any]) -> int:
    """Those of a cell, nested ones counted, without its imports."""
    nodes = ast.walk(ast.parse(ipynb.source(cell)))
    imports = ast.Import | ast.ImportFrom
    return sum(isinstance(node, ast.stmt) and not isinstance(node, imports) for node in nodes)


def _only_prepares(cell: dict[str, Any]) -> bool:
    """Imports and parameters show nothing."""
    return "parameters" in ipynb.tags(cell) or all(
        isinstance(line, ast.Import | ast.ImportFrom) for line in ast.parse(ipynb.source(cell)).body
    )


def _without_fences(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
