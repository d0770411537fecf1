"""Some published numbers and ours, each pair on an axis of its own: `book/front/headlines.csv`
names them, one of a kind of result, run or not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from distillery_book.pages.texts import give_or_take
from distillery_book.results import published, verdicts
from distillery_book.results.book_files import reading, rows
from distillery_book.results.published import Cell
from distillery_book.results.results import Results
from distillery_book.results.verdicts import Recorded
from distillery_book.site.front import known

WIDTH, MARGIN, MIDDLE = 240, 14, 13
BETTER = {"higher": "↑", "lower": "↓", "none": ""}
HEAD = (
    '<div class="headlines-row headlines-head"><span></span>'
    "<span>○ published, ● recorded</span><span>↑ higher, ↓ lower is better</span>"
    "<span>verdict</span></div>"
)


@dataclass(frozen=True)
class Headline:
    """A published number, what it says to a newcomer, and what was recorded for it."""

    label: str
    cell: Cell
    recorded: Recorded | None

    @property
    def verdict(self) -> str:
        return verdicts.judge(self.cell, self.recorded)


def headlines(results: Results) -> list[Headline]:
    path = known.folder() / "headlines.csv"
    with reading(path):
        return [_headline(line, results) for line in rows(path)]


def _headline(line: Mapping[str, str], results: Results) -> Headline:
    table = published.table(line["table"])
    keys = dict(zip(table.keys, line["row"].split("|"), strict=True))
    cell = table.cell(table.key(keys), line["column"])
    return Headline(line["label"], cell, results.answers.get(cell.place))


def html(results: Results) -> str:
    rows = "".join(map(_row, headlines(results)))
    return f'<div class="headlines">{HEAD}{rows}</div>'


def _row(headline: Headline) -> str:
    word, _, reduced = headline.verdict.partition(",")
    verdict = f'<span class="verdict-word is-{word.replace(" ", "-")}">{word}</span>'
    verdict = f"<span>{verdict}{reduced and f'<br><small>{reduced}</small>'}</span>"
    column = headline.cell.column
    printed = f"{column.text(headline.cell.value)} {column.unit} {BETTER[column.direction]}"
    theirs = f'<span class="theirs">○ {printed}</span>'
    numbers = f'<span class="headlines-numbers">{theirs}<span>{_ours(headline)}</span></span>'
    picture = _picture(headline)
    label = f"<span>{escape(headline.label)}</span>"
    return f'<div class="headlines-row">{label}{picture}{numbers}{verdict}</div>'


def _ours(headline: Headline) -> str:
    recorded = headline.recorded
    if recorded is None:
        return ""
    error = math.nan if recorded.error is None else 2 * recorded.error
    return f"● {give_or_take(recorded.value, error, headline.cell.column.format)}"


def _picture(headline: Headline) -> str:
    """An axis, the published number as a ring with two standard errors where it has any, ours as a
    dot with two of its own.
    """
    theirs, ours = _published(headline.cell), _recorded(headline.recorded)
    ends = [end for interval in (theirs, ours) if interval for end in interval]
    place = _Scale(min(ends), max(ends))
    marks = _interval(theirs, place, "of-paper")
    marks += _interval(ours, place, "whisker") + _dot(ours, place, "recorded", 5)
    marks += _dot(theirs, place, "published", 5)
    axis = f'<line class="axis" x1="0" x2="{WIDTH}" y1="{MIDDLE}" y2="{MIDDLE}"/>'
    box = f'viewBox="0 0 {WIDTH} {2 * MIDDLE}" aria-hidden="true"'
    return f"<svg {box}>{axis}{marks}</svg>"


class _Scale:
    """From numbers to pixels."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.span = low, high - low

    def __call__(self, value: float) -> float:
        share = (value - self.low) / self.span if self.span else 0.5
        return MARGIN + share * (WIDTH - 2 * MARGIN)


def _published(cell: Cell) -> tuple[float, float, float]:
    """Low end, value, high end."""
    below, above = cell.below or 0.0, cell.above or 0.0
    return cell.value - 2 * below, cell.value, cell.value + 2 * above


def _recorded(mean: Recorded | None) -> tuple[float, float, float] | None:
    if mean is None:
        return None
    error = mean.error or 0.0
    return mean.value - 2 * error, mean.value, mean.value + 2 * error


def _interval(interval: Sequence[float] | None, place: _Scale, kind: str) -> str:
    if interval is None or interval[0] == interval[2]:
        return ""
    low, _, high = map(place, interval)
    return f'<line class="{kind}" x1="{low:.1f}" x2="{high:.1f}" y1="{MIDDLE}" y2="{MIDDLE}"/>'


def _dot(interval: Sequence[float] | None, place: _Scale, kind: str, radius: float) -> str:
    if interval is None:
        return ""
    return f'<circle class="{kind}" cx="{place(interval[1]):.1f}" cy="{MIDDLE}" r="{radius}"/>'
