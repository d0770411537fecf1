"""The extensions in a real, small build: what a page shows, what is a warning, what needs no
network.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from distillery_book.site import ipynb, sphinx_overlay
from distillery_book.site.sphinx_api import _escaped, readable

CONF = """
extensions = ["myst_nb", "distillery_book.site.sphinx_overlay"]
nb_execution_mode = "off"
html_theme = "basic"
exclude_patterns = ["_build"]
"""


def notebook(printed: str, code: str = "print(1)") -> str:
    output = {"output_type": "stream", "name": "stdout", "text": [printed]}
    cells = [
        {"cell_type": "markdown", "id": "title", "metadata": {}, "source": ["# A chapter\n"]},
        {
            "cell_type": "code",
            "id": "cell",
            "metadata": {},
            "source": [code],
            "outputs": [output],
            "execution_count": 1,
        },
    ]
    return ipynb.text(
        {
            "cells": cells,
            "metadata": {"kernelspec": ipynb.KERNEL},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


@pytest.fixture
def book(tmp_path: Path) -> Path:
    (tmp_path / "conf.py").write_text(CONF)
    (tmp_path / "index.ipynb").write_text(notebook("committed"))
    (tmp_path / "_build" / "executed" / "smoke").mkdir(parents=True)
    return tmp_path


def build(book: Path) -> tuple[str, str]:
    """The page's text and the warnings of an incremental build."""
    command = [sys.executable, "-m", "sphinx", "-q", str(book), str(book / "_build" / "html")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (book / "_build" / "html" / "index.html").read_text(), done.stderr


def test_a_page_shows_committed_outputs_until_there_is_a_run_and_then_the_run(book: Path) -> None:
    assert "committed" in build(book)[0]
    copy = book / "_build" / "executed" / "smoke" / "index.ipynb"
    copy.write_text(notebook("executed"))
    page, warnings = build(book)
    assert "executed" in page
    assert "committed" not in page
    assert warnings == ""
    assert (
        book / "_build" / "html" / "_static" / "mathjax" / "tex-svg-full.js"
    ).stat().st_size > 1_000_000


@pytest.mark.parametrize(
    ("profile", "warning"),
    [("smoke", "cell cell is not what ran"), ("paper", "no run at profile paper")],
)
def test_stale_code_and_a_missing_run_are_warnings(
    book: Path, profile: str, warning: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(sphinx_overlay.LOGGER, "warning", lambda message, **_: said.append(message))
    (book / "_build" / "executed" / "smoke" / "index.ipynb").write_text(notebook("executed"))
    content = [notebook("committed", code="print(2)")]
    env = SimpleNamespace(
        doc2path=lambda name: str(book / f"{name}.ipynb"), note_dependency=lambda path: None
    )
    app: Any = SimpleNamespace(
        env=env, srcdir=str(book), config=SimpleNamespace(distillery_profile=profile)
    )
    sphinx_overlay.overlay(app, "index", content)
    assert warning in said[0]
    assert ("executed" in content[0]) == (profile == "smoke")
    assert "print(2)" in content[0]


@pytest.mark.parametrize(
    ("plain", "written"),
    [
        ("the `x` of p(x|w)", "the ``x`` of p(x\\|w)"),
        ("2 * 3 and a*b", "2 \\* 3 and a\\*b"),
        ("several `torch.Generator`s", "several ``torch.Generator``\\ s"),
        ("the sum over x_ and theta_k", "the sum over x\\_ and theta_k"),
    ],
)
def test_signs_in_a_docstring_stay_signs(plain: str, written: str) -> None:
    assert _escaped(plain) == written


def test_a_formula_in_a_docstring_keeps_its_lines() -> None:
    lines = ["In words:", "", "    a = b", "    c = d", "", "and on."]
    readable(None, "function", "name", None, None, lines)  # type: ignore[arg-type]
    assert lines == ["In words:", "", "::", "", "    a = b", "    c = d", "", "and on."]


def test_a_literal_that_goes_on_in_the_next_line_is_one_literal() -> None:
    lines = ["What `draw(n,", "rng=rng)` gives:", "`x` and *y*."]
    readable(None, "function", "name", None, None, lines)  # type: ignore[arg-type]
    assert lines == ["What ``draw(n, rng=rng)`` gives:", "``x`` and \\*y\\*."]
