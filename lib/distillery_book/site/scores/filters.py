"""A table that can be filtered and searched in the page: `book/_static/scores.js` shows the form
and hides what does not fit. Without scripts there is no form, and the table is there in full.

Rows stand in bodies, a body for each published table or chapter; a body says paper and chapter, a
row its verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from distillery_book.results.reasons import Reason
from distillery_book.site.front import known

Choices = Mapping[str, str]  # what a row says, and what a reader sees


def html(what: str, head: Sequence[str], bodies: Iterable[str], verdicts: Choices) -> str:
    """The form and the table; `what` is the plural of that which is listed."""
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    table = f"<table><thead><tr>{cells}</tr></thead>{''.join(bodies)}</table>"
    region = f'<div class="scores-table" role="region" aria-label="All {what}">{table}</div>'
    return f'<div class="scores" data-what="{what}">{_form(what, verdicts)}{region}</div>'


def body(title: str, rows: Iterable[str], *, paper: str, chapter: int, columns: int) -> str:
    """Rows of one paper and chapter that share a heading; `title` is html already."""
    heading = f'<tr class="scores-head"><th scope="rowgroup" colspan="{columns}">{title}</th></tr>'
    return f'<tbody data-paper="{paper}" data-chapter="{chapter}">{heading}{"".join(rows)}</tbody>'


def linked(text: str, address: str) -> str:
    return f'<a href="{address}">{escape(text)}</a>' if address else escape(text)


def reason_link(reason: Reason | None, among: Sequence[Reason]) -> str:
    """A link to why something is not run, in the page's list of all reasons."""
    return f' <a href="#why-{among.index(reason)}">why</a>' if reason else ""


def verdict_word(verdict: str) -> str:
    """The verdict in its colour, and what qualifies it."""
    word, _, more = verdict.partition(",")
    css = word.replace(" ", "-")
    return f'<b class="verdict-word is-{css}">{word}</b>{more and f" <small>{more}</small>"}'


def _form(what: str, verdicts: Choices) -> str:
    papers = {paper.key: paper.title for paper in known.papers()}
    numbers = sorted({number for paper in known.papers() for number in paper.chapters})
    chapters = {str(number): f"{number} · {known.subject(number)}" for number in numbers}
    selects = _select("paper", papers) + _select("chapter", chapters) + _select("verdict", verdicts)
    words = '<label>words <input type="search" name="words" autocomplete="off"></label>'
    clear = '<button type="reset">show all</button>'
    count = '<output aria-live="polite"></output>'
    label = f'aria-label="Filter the {what}"'
    return f'<form class="scores-form" {label} hidden>{selects}{words}{clear}{count}</form>'


def _select(name: str, choices: Choices) -> str:
    options = "".join(
        f'<option value="{escape(value)}">{escape(text)}</option>'
        for value, text in choices.items()
    )
    every = '<option value="">all</option>'
    return f'<label>{name} <select name="{name}">{every}{options}</select></label>'
