"""The recipes of `book/contributing.md` work as they stand there.

A copy of the project, without all chapters but the first, follows them from the page's text: a new
part, then a study, a chapter with a second page, and a published number. All commands are called;
the site is built with every warning an error.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

import recipes
from distillery_book.results.registry import chapters

ROOT = Path(__file__).resolve().parents[2]
RECIPES = recipes.read()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project before anything is added."""
    root = tmp_path_factory.mktemp("copy")
    unwanted = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "arrays", "weights")
    for name in ("lib", "book", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=unwanted)
    for name in ("_config.yml", "_toc.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)
    for folder, chapter in chapters().items():
        if chapter.number > 1:
            shutil.rmtree(root / "lib/distillery_book/chapters" / folder)
    for page in (root / "book").glob("[0-9]*.ipynb"):
        if not page.name.startswith("01_"):
            page.unlink()
    return root


@pytest.fixture(scope="module")
def said(copy: Path) -> dict[str, list[str]]:
    """What the commands of each recipe said, when all were followed in the page's order."""
    return {name: recipes.follow(recipe, copy) for name, recipe in RECIPES.items()}


@pytest.fixture(scope="module")
def book(copy: Path, said: dict[str, list[str]]) -> Path:
    """The copy after all recipes."""
    return copy


def test_there_are_four_recipes_each_with_files_and_commands() -> None:
    assert list(RECIPES) == ["A part", "A study", "A chapter", "A published number"]
    assert all(len(recipe.steps) >= 3 for recipe in RECIPES.values())
    assert all(recipe.commands for recipe in RECIPES.values())


def test_every_block_of_the_page_is_a_step_or_a_command() -> None:
    text = recipes.PAGE.read_text("utf-8")
    steps = [step for recipe in RECIPES.values() for step in recipe.steps]
    for step in steps:
        text = text.replace(step.text, "")  # some hold blocks of their own
    assert len(re.findall(r"^`{3,}(?!bash)\w+$", text, re.MULTILINE)) == len(steps)


def test_what_the_recipes_write_is_as_the_linter_wants_it(book: Path) -> None:
    written = {step.file for recipe in RECIPES.values() for step in recipe.steps}
    files = " ".join(sorted(name for name in written if name.endswith(".py")))
    recipes.call(f"python -m ruff check {files}", book)
    recipes.call(f"python -m ruff format --check {files}", book)


def test_the_tests_of_the_recipes_run_and_pass(said: dict[str, list[str]]) -> None:
    commands = [command for recipe in RECIPES.values() for command in recipe.commands]
    answers = [answer for answers in said.values() for answer in answers]
    tested = [
        answer
        for command, answer in zip(commands, answers, strict=True)
        if command.startswith("python -m pytest")
    ]
    assert len(tested) == 3
    assert all(re.search(r"^[1-9]\d* passed", answer, re.MULTILINE) for answer in tested), tested


def test_its_study_lists_every_run_as_recorded(said: dict[str, list[str]]) -> None:
    lines = said["A study"][-1].splitlines()
    assert [line.split()[1] for line in lines if line.split()[0].isdigit()] == ["recorded"] * 6


def test_its_number_agrees_with_the_published_one(said: dict[str, list[str]]) -> None:
    table = said["A published number"][-1].splitlines()
    [line] = [line for line in table if line.startswith("2 ")]
    assert "3 × none, laptop" in line
    assert line.endswith("agrees")


def test_its_study_is_recorded_under_its_name(book: Path) -> None:
    records = (book / "book/results/line.jsonl").read_text().splitlines()
    assert [json.loads(record)["study"] for record in records] == ["line"] * 6


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


def _page(book: Path, name: str) -> str:
    return (book / "_build/html/book" / f"{name}.html").read_text()
