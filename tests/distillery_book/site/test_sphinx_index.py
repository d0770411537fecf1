"""The index page is made of what the chapters say of themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from distillery_book.results import registry
from distillery_book.results.registry import Chapter
from distillery_book.site import sphinx_index

FIRST = Chapter("01_first", title="First", question="Why?", costs="a minute", finding="**One**: 1.")
SECOND = Chapter("02_second", title="Second", question="How?", costs="an hour")


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sphinx_index, "listed", lambda: {"first": FIRST, "second": SECOND})
    env = SimpleNamespace(doc2path=lambda name: name)
    return SimpleNamespace(env=env)


def test_every_chapter_has_a_row_and_every_finding_a_point(app: Any) -> None:
    content = ["# Top\n\n<!-- chapters -->\n\nand\n\n<!-- findings -->\n"]
    sphinx_index.insert(app, "book/index.md", content)
    rows = [
        "| Why? | [First](01_first.ipynb) | a minute |",
        "| How? | [Second](02_second.ipynb) | an hour |",
    ]
    table = "\n".join([sphinx_index.HEAD, *rows])
    assert content == [f"# Top\n\n{table}\n\nand\n\n- **One**: 1.\n"]


def test_a_page_without_marks_and_a_notebook_that_speaks_of_them_stay_as_they_are(app: Any) -> None:
    for page, text in (("book/other.md", "no mark"), ("book/01_first.ipynb", "<!-- chapters -->")):
        content = [text]
        sphinx_index.insert(app, page, content)
        assert content == [text]
    assert not hasattr(app.env, "distillery_index")


def test_the_page_is_read_again_when_a_chapter_says_something_else_or_a_page_comes_or_goes(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outdated(added: set[str]) -> list[str]:
        return sphinx_index.changed_since(app, app.env, added, set(), set())

    sphinx_index.insert(app, "book/index.md", ["<!-- chapters -->"])
    assert outdated(set()) == []
    assert outdated({"book/03_third"}) == ["book/index.md"]
    monkeypatch.setattr(sphinx_index, "listed", lambda: {"first": FIRST})
    assert outdated(set()) == ["book/index.md"]


def test_what_chapters_say_is_known_without_importing_a_study_or_torch() -> None:
    script = (
        "import sys; from distillery_book.results.registry import chapters;"
        " assert len(chapters()) >= 7; heavy = {'torch', 'numpy', 'matplotlib'};"
        " studies = [name for name in sys.modules if name.count('.') == 3"
        " and name.startswith('distillery_book.chapters.')];"
        " print(sorted(heavy & set(sys.modules)) + studies)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["2_second", "02b_second", "02_Second", "second"])
def test_a_notebook_without_a_number_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"Chapter.notebook is '{name}'; two digits and a name"):
        Chapter(name, title="T", question="Q?", costs="C")


@pytest.mark.parametrize("missing", ["title", "question", "costs"])
def test_a_chapter_that_leaves_a_line_of_the_index_empty_is_refused(missing: str) -> None:
    lines = {"title": "T", "question": "Q?", "costs": "C"} | {missing: " "}
    with pytest.raises(ValueError, match=f"Chapter.{missing} of 02_second is empty"):
        Chapter("02_second", **lines)


def test_the_extension_builds(tmp_path: Path) -> None:
    """A page with both marks and no chapter's page beside it: a row for every chapter of ours."""
    (tmp_path / "conf.py").write_text(
        'extensions = ["myst_parser", "distillery_book.site.sphinx_index"]\n'
        'suppress_warnings = ["myst"]\n'
    )
    (tmp_path / "index.md").write_text("# Top\n\n<!-- chapters -->\n")
    command = [sys.executable, "-m", "sphinx", "-q", str(tmp_path), str(tmp_path / "out")]
    subprocess.run(command, check=True, capture_output=True)
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count("<tr") == 1 + len(list(sphinx_index.listed()))


def test_a_chapter_in_preparation_is_known_but_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = {"title": "T", "question": "Q?", "costs": "C"}
    written, unwritten = (
        Chapter("02_second", **lines),
        Chapter("03_x", **lines, in_preparation=True),
    )
    monkeypatch.setattr(registry, "chapters", lambda: {"second": written, "x": unwritten})
    assert registry.listed() == {"second": written}
