"""What a new chapter touches: its folder, its notebooks, the bibliography and the dictionary.

A copy of the tree, without all chapters but the first, gets a tiny chapter with a second page. Its
study runs, its notebook runs, and the site is built with every warning an error.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from distillery_book.results.registry import chapters
from distillery_book.site import ipynb

ROOT = Path(__file__).resolve().parents[2]
FOLDER = '''"""Chapter 42: a line through two points."""

from distillery_book.results.registry import Chapter

CHAPTER = Chapter(
    "42_line",
    studies=("line",),
    title="A line",
    question="I have a line, and want it once more. How many steps does that take?",
    costs="a second",
    finding="**A line**: {glue:text}`42_line.ipynb::line-steps:s` steps are enough.",
)
'''
STUDY = '''"""A student of one weight learns a slope of two."""

import torch

from distillery.distillation import distill
from distillery.generators import Uniform
from distillery.losses import SquareError
from distillery.models.mlp import MLP
from distillery.teachers import Formula
from distillery_book.results.study import Cell, Outcome, Study


def cells(profile):
    return [Cell({"steps": steps}, 0) for steps in (0, 200)]


def run(cell, context):
    rng = torch.Generator(context.device).manual_seed(cell.seed)
    student = MLP([1, 1], rng=rng)
    inputs = Uniform(1, rng=rng, low=-1.0, high=1.0)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.5)
    if cell.params["steps"]:
        steps = int(cell.params["steps"])
        teacher, loss = Formula(lambda x: 2 * x), SquareError()
        distill(teacher, student, inputs, loss, optimizer=optimizer, batch_size=8, steps=steps)
    x = torch.ones(1, 1)
    return Outcome({"error": float((student(x) - 2 * x).abs())})


STUDY = Study("line", 1, "A line, once more", cells, run)
'''
WORK = """
@book{euclid1956,
  author = {Euclid},
  title = {The Elements},
  year = {1956},
  publisher = {Dover},
}
"""
WORD = "| line | $y = wx$ | `Formula` | what has one slope |\n"
FIGURE = {"caption": "The line rises.", "name": "fig-line"}


def _prose(name: str, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": [text]}


def _code(name: str, text: str, **metadata: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": name,
        "metadata": metadata,
        "source": text.splitlines(keepends=True),
        "outputs": [],
        "execution_count": None,
    }


def _notebook(*cells: dict[str, Any]) -> str:
    metadata = {"kernelspec": ipynb.KERNEL}
    return ipynb.text(
        {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    )


FIRST_PAGE = _notebook(
    _prose(
        "title", "# A line\n\n**It is soon there** {cite:p}`euclid1956`. See {numref}`fig-line`."
    ),
    _code("parameters", 'profile: str = "smoke"  # smoke, laptop or paper', tags=["parameters"]),
    _code(
        "errors",
        "from distillery_book.pages import notebook\n\n"
        'notebook.glue("line-steps", 200)\n'
        'notebook.recorded("line").round(3)',
    ),
    _code(
        "picture",
        "import matplotlib.pyplot as plt\n\nplt.plot([0, 1], [0, 2])\nplt.show()",
        mystnb={"figure": FIGURE},
    ),
)
SECOND_PAGE = _notebook(_prose("title", "# More lines\n\n**There are others.**\n\n## Parallels\n"))


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The copy, with the chapter in it and its study recorded, built."""
    root = tmp_path_factory.mktemp("copy")
    _copy(root)
    _add_chapter(root)
    _distillery(root, "study", "line", "--profile", "laptop", "--workers", "1")
    _distillery(root, "book", "--chapters", "42")
    return root


def _copy(root: Path) -> None:
    """The library and the book as they are, but of the chapters the first alone."""
    unwanted = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "arrays", "weights")
    for name in ("lib", "book"):
        shutil.copytree(ROOT / name, root / name, ignore=unwanted)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, root / name)
    for folder, chapter in chapters().items():
        if chapter.number > 1:
            shutil.rmtree(root / "lib/distillery_book/chapters" / folder)
    for page in (root / "book").glob("[0-9]*.ipynb"):
        if not page.name.startswith("01_"):
            page.unlink()


def _add_chapter(root: Path) -> None:
    folder = root / "lib/distillery_book/chapters/line"
    folder.mkdir()
    (folder / "__init__.py").write_text(FOLDER)
    (folder / "line.py").write_text(STUDY)
    (root / "book/42_line.ipynb").write_text(FIRST_PAGE)
    (root / "book/42b_line.ipynb").write_text(SECOND_PAGE)
    with (root / "book/references.bib").open("a") as bibliography:
        bibliography.write(WORK)
    notation = root / "book/notation.md"
    parts = "| history | | `History` |"
    text = notation.read_text()
    assert parts in text
    notation.write_text(text.replace(parts, WORD + parts))


def _distillery(root: Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(root / "lib"), "OMP_NUM_THREADS": "1"}
    environment.pop("DISTILLERY_RESULTS", None)
    done = subprocess.run(
        [sys.executable, "-m", "distillery", *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _page(book: Path, name: str) -> str:
    return (book / "_build/html/book" / f"{name}.html").read_text()


def test_its_study_is_recorded_under_its_name(book: Path) -> None:
    records = (book / "book/results/line.jsonl").read_text().splitlines()
    assert len(records) == 2
    assert "line" in _distillery(book, "status")


def test_its_page_shows_its_records_and_bears_its_number(book: Path) -> None:
    page = _page(book, "42_line")
    errors = re.findall(r'"error": ([0-9.e-]+)', (book / "book/results/line.jsonl").read_text())
    assert [error for error in errors if f"{float(error):.3f}" not in page] == []
    assert '<span class="section-number">42. </span>A line' in page
    assert "Figure 42.1" in page


def test_the_index_leads_to_it_and_says_what_it_found(book: Path) -> None:
    index = _page(book, "index")
    assert "I have a line, and want it once more." in index
    assert 'href="42_line.html"' in index
    assert "200 steps are enough" in index.replace("<span>", "").replace("</span>", "")


def test_the_contents_show_both_its_pages_behind_the_first_chapter(book: Path) -> None:
    contents = _page(book, "index")
    places = [contents.index(f'href="{name}.html"') for name in ("01_one_loop", "42_line")]
    assert places == sorted(places)
    assert contents.index('href="42_line.html"') < contents.index('href="42b_line.html"')
    assert '<span class="section-number">42b. </span>More lines' in _page(book, "42b_line")


def test_its_work_and_its_word_stand_in_bibliography_and_dictionary(book: Path) -> None:
    assert "The Elements" in _page(book, "references")
    assert "what has one slope" in _page(book, "notation")


def test_chapters_that_are_not_there_leave_no_trace(book: Path) -> None:
    gone = [chapter for chapter in chapters().values() if chapter.number > 1]
    index = _page(book, "index")
    assert gone
    assert [chapter.notebook for chapter in gone if chapter.notebook in index] == []
