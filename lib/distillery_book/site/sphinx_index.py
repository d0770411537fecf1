"""A Sphinx extension: what the index page shows of the chapters, the papers and the records.

A page that holds one of the marks of `MARKS`, `<!-- chapters -->` say, gets there what the mark
stands for: the table of chapters, the list of findings, what runs cost, how fast ours is beside
others, what the newest packages change, and the parts of `distillery_book.site.front` and, for the
scoreboard, of `distillery_book.site.scores`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from distillery_book.results.registry import Chapter, listed
from distillery_book.results.results import Results
from distillery_book.site import benches, costs
from distillery_book.site.front import (
    conclusions,
    headlines,
    known,
    loop,
    strip,
    verdict_squares,
)
from distillery_book.site.newest import outcome
from distillery_book.site.newest import page as newest
from distillery_book.site.scores import conclusions as judged_conclusions
from distillery_book.site.scores import (
    downloads,
    missing,
    numbers,
    picture,
    places,
    repeats,
    standing,
)

HEAD = "| the question | chapter | what it costs |\n| --- | --- | --- |"


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("env-get-outdated", changed_since)
    app.connect("source-read", insert)
    app.connect("build-finished", write_scoreboard)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def insert(app: Sphinx, docname: str, content: list[str]) -> None:
    """Replace the marks of a Markdown page."""
    if Path(app.env.doc2path(docname)).suffix != ".md":
        return
    marks = {mark: make for mark, make in MARKS.items() if mark in content[0]}
    if marks:
        known_pages = getattr(app.env, "distillery_index", {})
        app.env.distillery_index = known_pages | {docname: _state()}  # type: ignore[attr-defined]
    if any(mark in SCORES for mark in marks):
        for notebook in places.notebooks():  # whose headings the page leads to
            app.env.note_dependency(str(notebook))
    for mark, make in marks.items():
        content[0] = content[0].replace(mark, make())


def write_scoreboard(app: Sphinx, error: Exception | None) -> None:
    """What the scoreboard offers to download, beside the pages."""
    if error is None and app.builder.format == "html" and _has_scoreboard(app):
        downloads.write(Path(app.outdir), Results.open())


def _has_scoreboard(app: Sphinx) -> bool:
    """Whether a page of this book shows the scoreboard's parts."""
    pages = map(app.env.doc2path, app.env.found_docs)
    texts = (Path(page).read_text(encoding="utf-8") for page in pages if str(page).endswith(".md"))
    return any(mark in text for text in texts for mark in SCORES)


def changed_since(app: Sphinx, env: BuildEnvironment, *documents: set[str]) -> list[str]:
    """The page, when a chapter or a record says something else than when it was read, or a page
    came or went: the page that lists the chapters also holds the contents. The documents are those
    that were added, changed and removed.
    """
    added, _, removed = documents
    pages: dict[str, Any] = getattr(env, "distillery_index", {})
    present = _state()
    return [page for page, state in pages.items() if added or removed or state != present]


def table(chapters: Sequence[Chapter]) -> str:
    """A row a chapter: the question that leads to it, the link, and what an answer costs."""
    rows = [
        f"| {chapter.question} | [{known.raised(chapter.title)}]({chapter.notebook}.ipynb)"
        f" | {chapter.costs} |"
        for chapter in chapters
    ]
    return "\n".join([HEAD, *rows])


def findings(chapters: Sequence[Chapter]) -> str:
    """A point for each chapter that has found something."""
    return "\n".join(f"- {chapter.finding}" for chapter in chapters if chapter.finding)


def _chapters() -> list[Chapter]:
    return list(listed().values())


SCORES: Mapping[str, Callable[[], str]] = {
    "<!-- scores: picture -->": lambda: picture.html(Results.open()),
    "<!-- scores: numbers -->": lambda: numbers.html(Results.open()),
    "<!-- scores: conclusions -->": lambda: judged_conclusions.html(Results.open()),
    "<!-- scores: missing -->": lambda: missing.html(Results.open()),
    "<!-- scores: repeats -->": lambda: repeats.html(Results.open()),
    "<!-- scores: downloads -->": downloads.html,
}
MARKS: Mapping[str, Callable[[], str]] = {
    "<!-- loop -->": loop.html,
    "<!-- strip -->": strip.html,
    "<!-- chapters -->": lambda: table(_chapters()),
    "<!-- papers -->": lambda: conclusions.cards(Results.open()),
    "<!-- findings -->": lambda: findings(_chapters()),
    "<!-- conclusions -->": lambda: conclusions.summary(Results.open()),
    "<!-- failures -->": lambda: conclusions.failures(Results.open()),
    "<!-- numbers -->": lambda: str(verdict_squares.total(Results.open())),
    "<!-- verdicts -->": lambda: verdict_squares.html(Results.open()),
    "<!-- headlines -->": lambda: headlines.html(Results.open()),
    "<!-- scores: finding -->": lambda: standing.finding(Results.open()),
    "<!-- costs -->": lambda: costs.table(Results.open()),
    "<!-- costs: finding -->": lambda: costs.finding(Results.open()),
    "<!-- costs: growth -->": lambda: costs.growth(Results.open()),
    "<!-- bench -->": lambda: benches.table(benches.recorded()),
    "<!-- bench: finding -->": lambda: benches.finding(benches.recorded()),
    "<!-- bench: machines -->": lambda: benches.machines(benches.recorded()),
    "<!-- bench: rivals -->": benches.rivals,
    "<!-- newest -->": lambda: newest.markdown(outcome.read(outcome.place())),
    **SCORES,
}


def _state() -> tuple[Any, ...]:
    """What the parts are made of."""
    return table(_chapters()), findings(_chapters()), known.state()
