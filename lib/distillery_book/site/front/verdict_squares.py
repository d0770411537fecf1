"""A square for each number that the papers print, by chapter and verdict: all of them, so that
nobody has chosen which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape
from typing import Any

import pandas as pd

from distillery_book.results import verdicts
from distillery_book.results.published import AIMS
from distillery_book.results.results import Results
from distillery_book.site.front import known

# In this order; what is arithmetic or decided what a paper leaves open judges nothing.
APART = ("calibrates", "by definition")
KINDS = {
    "agrees": "agree",
    "beats": "beat what was published",
    "misses": "miss it",
    "differs": "differ, where neither side is better",
    "undecided": "undecided: known too badly, or from too few runs, to tell",
    "apart": "say nothing: arithmetic, or a number that set a free choice",
    verdicts.NOT_RUN: "not run",
}


def html(results: Results) -> str:
    """A row of squares a chapter, and what the squares mean with how many there are."""
    cells = printed(results).assign(kind=lambda frame: kinds(frame["verdict"]))
    rows = "".join(
        _row(number, cells[cells["chapter"] == number]) for number in sorted(set(cells["chapter"]))
    )
    key = "".join(
        f"<li><i class='{_css(kind)}'></i>{count} {KINDS[kind]}</li>"
        for kind, count in counts(cells["kind"]).items()
    )
    return f'<div class="verdicts">{rows}<ul class="verdicts-key">{key}</ul></div>'


def total(results: Results) -> int:
    return len(printed(results))


def kinds(said: pd.Series) -> pd.Series:
    """Verdicts without what was reduced; those that judge nothing are one kind."""
    return said.str.removesuffix(verdicts.REDUCED).replace(dict.fromkeys(APART, "apart"))


def counts(found: Iterable[str]) -> dict[str, int]:
    """How many there are of each kind that occurs, in the order of the kinds."""
    counted = Counter(found)
    return {kind: counted[kind] for kind in KINDS if counted[kind]}


def printed(results: Results) -> pd.DataFrame:
    """Every number that the papers print, without the aims of the book itself."""
    return results.cells[results.cells["table"] != AIMS]


def _row(number: int, cells: pd.DataFrame) -> str:
    order = list(KINDS)
    ordered = cells.sort_values("kind", key=lambda found: found.map(order.index), kind="stable")
    squares = "".join(map(_square, ordered.itertuples()))
    said = ", ".join(f"{count} {KINDS[kind]}" for kind, count in counts(cells["kind"]).items())
    label = f"<span>{number} · {_linked(number)}</span>"
    box = f'<span class="verdicts-squares" role="img" aria-label="{said}">{squares}</span>'
    return f'<div class="verdicts-row">{label}{box}</div>'


def _linked(number: int) -> str:
    subject, chapter = escape(known.subject(number)), known.chapters().get(number)
    if chapter is None:
        return f"{subject}, in preparation"
    return f'<a href="{chapter.notebook}.html">{subject}</a>'


def _square(cell: Any) -> str:
    row = ", ".join(map(str, cell.keys))
    said = escape(f"{cell.table} {row}, {cell.column}: {cell.verdict}", quote=True)
    return f'<i class="{_css(cell.kind)}" title="{said}"></i>'


def _css(kind: str) -> str:
    return f"is-{kind.replace(' ', '-')}"
