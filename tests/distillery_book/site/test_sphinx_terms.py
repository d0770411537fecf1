"""The first use of a term on a page leads to its definition, which it shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from distillery_book.site.sphinx_terms import pattern

GLOSSARY = """# Words

```{glossary}
student
  The model that is trained.

KL divergence
KL
  How far two distributions are apart.
```
"""
PAGE = """# A student

Students learn. The student learns again, by `student` code and $student$ formula.

The KL of a [student](words.md), or KL divergence; no KLAB, no co-student.

| student |
| --- |
| of the table |
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source")
    (source / "conf.py").write_text(
        'extensions = ["myst_parser", "distillery_book.site.sphinx_terms"]\n'
        'myst_enable_extensions = ["dollarmath"]\n'
        'root_doc = "page"\n'
    )
    (source / "words.md").write_text(GLOSSARY)
    (source / "page.md").write_text(PAGE + "\n```{toctree}\nwords\n```\n")
    _build(source)
    return source


def _build(source: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", str(source), str(source / "out")]
    subprocess.run(command, check=True, capture_output=True)


def _links(site: Path, page: str = "page") -> list[tuple[str, ...]]:
    text = (site / "out" / f"{page}.html").read_text()
    found = re.findall(r"<a ([^>]*term-link[^>]*)>([^<]*)</a>", text)
    return [
        (
            shown,
            *re.findall(r'href="([^"]*)"', attributes),
            *re.findall(r'data-says="([^"]*)"', attributes),
        )
        for attributes, shown in found
    ]


def test_the_first_use_of_each_term_in_running_text_is_a_link_that_says_what_it_means(
    site: Path,
) -> None:
    assert _links(site) == [
        ("Students", "words.html#term-student", "The model that is trained."),
        ("KL", "words.html#term-KL-divergence", "How far two distributions are apart."),
    ]


def test_a_definition_that_changes_changes_on_every_page(site: Path) -> None:
    words = site / "words.md"
    words.write_text(GLOSSARY.replace("The model that is trained.", "Whoever learns."))
    _build(site)
    assert _links(site)[0][2] == "Whoever learns."
    words.write_text(GLOSSARY)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Teachers and students", ["Teachers"]),
        ("the teacher's", ["teacher"]),
        ("NADEs, nades", ["NADEs"]),
        ("a soft\ntarget", ["soft\ntarget"]),
        ("co-teacher, teachery", []),
        ("log Z", ["log Z"]),
    ],
)
def test_a_term_is_found_as_a_word_and_in_the_plural(text: str, found: list[str]) -> None:
    assert pattern(["teacher", "NADE", "soft target", "log Z"]).findall(text) == found
