"""A Sphinx extension: the index page's table of chapters and its list of findings, made of what the
chapters' folders say of themselves.

A page that holds the line `<!-- chapters -->` gets the table there, and the list where it holds
`<!-- findings -->`. No study is imported, and none of the library's parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from distillery_book.results.registry import Chapter, listed

HEAD = "| the question | what it costs | chapter |\n| --- | --- | --- |"


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("env-get-outdated", changed_since)
    app.connect("source-read", insert_chapters)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def insert_chapters(app: Sphinx, docname: str, content: list[str]) -> None:
    """Replace the two marks of a Markdown page."""
    written = _written()
    if Path(app.env.doc2path(docname)).suffix != ".md" or not any(
        mark in content[0] for mark in written
    ):
        return
    app.env.distillery_index = {docname: written}  # type: ignore[attr-defined]
    for mark, text in written.items():
        content[0] = content[0].replace(mark, text)


def changed_since(app: Sphinx, env: BuildEnvironment, *documents: set[str]) -> list[str]:
    """The page, when a chapter says something else than when it was read, or a page came or went:
    the page that lists the chapters also holds the contents. The documents are those that were
    added, changed and removed.
    """
    added, _, removed = documents
    pages: dict[str, dict[str, str]] = getattr(env, "distillery_index", {})
    present = _written()
    return [page for page, written in pages.items() if added or removed or written != present]


def table(chapters: Sequence[Chapter]) -> str:
    """A row a chapter: the question that leads to it, what an answer costs, and the link."""
    rows = [
        f"| {chapter.question} | {chapter.costs} | [{chapter.title}]({chapter.notebook}.ipynb) |"
        for chapter in chapters
    ]
    return "\n".join([HEAD, *rows])


def findings(chapters: Sequence[Chapter]) -> str:
    """A point for each chapter that has found something."""
    return "\n".join(f"- {chapter.finding}" for chapter in chapters if chapter.finding)


def _written() -> dict[str, str]:
    chapters = list(listed().values())
    return {"<!-- chapters -->": table(chapters), "<!-- findings -->": findings(chapters)}
