"""All published numbers in one picture: a mark each, in rows by paper, the further to the right the
better than what was published, the further to the left the worse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from distillery_book.results.results import Results
from distillery_book.site.front import known, verdict_squares
from distillery_book.site.scores.standing import Standing, standings

PITCH, ACROSS = 8, 3  # pixels between marks, marks beside one another in a column
FURTHEST, COLUMNS_A_UNIT = 4, 2  # what lies further off than four margins stands at the end
COLUMN = PITCH * ACROSS
COLUMNS = 2 * FURTHEST * COLUMNS_A_UNIT + 2
ASIDE, ASIDE_ACROSS = COLUMN * COLUMNS + 28, 22  # where what nothing is judged of stands
WIDTH, HEADING, FOOT = ASIDE + PITCH * ASIDE_ACROSS, 34, 52
# Each verdict has a shape or a filling of its own, so that no one needs the colours.
SHAPES = {
    "agrees": '<circle r="3.2"/>',
    "beats": '<path d="M0-4 4 3.4-4 3.4z"/>',
    "misses": '<path d="M0-4.4 4.4 0 0 4.4-4.4 0z"/>',
    "differs": '<path d="M0-4.4 4.4 0 0 4.4-4.4 0z"/>',
    "undecided": '<circle r="2.8"/>',
    "apart": '<path d="M-3 0H3"/>',
    "not run": '<rect x="-2.4" y="-2.4" width="4.8" height="4.8"/>',
}
Point = tuple[float, float]


def html(results: Results) -> str:
    every = standings(results)
    drawn, height = _drawn(every)
    said = f"{len(every)} published numbers and how far from each ours lies; all are listed below"
    box = f'class="scores-dots" viewBox="0 0 {WIDTH} {height}" role="img"'
    shapes = "".join(map(_shape, SHAPES))
    svg = f"<svg {box}><title>{said}</title><defs>{shapes}</defs>{drawn}</svg>"
    return f'<figure class="scores-picture">{svg}{_key(every)}</figure>'


def _drawn(every: Sequence[Standing]) -> tuple[str, float]:
    """The papers' headings, the axis and the marks, these in the order of the table's rows."""
    points: dict[int, Point] = {}
    headings, top = "", 0.0
    for paper in known.papers():
        own = [place for place, one in enumerate(every) if one.table.paper == paper.key]
        if own:
            placed, tall = _placed(every, own)
            base = top + HEADING + tall
            points |= {place: (x, base - y) for place, (x, y) in placed.items()}
            headings += _heading(paper.title, [every[place] for place in own], top)
            top = base
    marks = "".join(_mark(every[place], *points[place]) for place in range(len(every)))
    return _axis(top) + headings + marks, top + FOOT


def _placed(every: Sequence[Standing], own: Sequence[int]) -> tuple[dict[int, Point], float]:
    """Where the marks of one paper stand above its line, and how high they reach."""
    order = list(verdict_squares.KINDS)
    filled: dict[int, int] = {}
    points: dict[int, Point] = {}
    for place in sorted(own, key=lambda place: order.index(every[place].kind)):
        column = _column(every[place].score)
        start, across = (ASIDE, ASIDE_ACROSS) if column < 0 else (COLUMN * column, ACROSS)
        up, along = divmod(filled.get(column, 0), across)
        filled[column] = filled.get(column, 0) + 1
        points[place] = start + PITCH * (along + 0.5), PITCH * (up + 0.5)
    return points, max(y for _, y in points.values()) + PITCH / 2


def _column(score: float | None) -> int:
    """Which column a mark stands in; -1 is beside the axis."""
    if score is None:
        return -1
    limited = min(max(score, -FURTHEST - 1), FURTHEST + 1)
    inside = math.floor((limited + FURTHEST) * COLUMNS_A_UNIT) + 1
    return min(max(inside, 0), COLUMNS - 1)


def _heading(title: str, own: Sequence[Standing], top: float) -> str:
    run = sum(one.recorded is not None for one in own)
    told = f"{run} of {len(own)} run"
    text = f'<text x="0" y="{top + 18}" class="scores-paper">{escape(title)}</text>'
    return f'{text}<text x="{WIDTH}" y="{top + 18}" text-anchor="end">{told}</text>'


def _axis(bottom: float) -> str:
    """The band within which numbers agree, the ends, and what lies beside."""
    middle, unit = COLUMN * COLUMNS / 2, COLUMN * COLUMNS_A_UNIT
    box = f'x="{middle - unit}" y="0" width="{2 * unit}" height="{bottom}"'
    band = f'<rect class="scores-band" {box}/>'
    line = f'<path class="scores-axis" d="M0 {bottom}H{COLUMN * COLUMNS}M{middle} {bottom}v6"/>'
    words = {"← worse": (0, "start"), "as published": (middle, "middle")}
    words |= {"better →": (COLUMN * COLUMNS, "end"), "not judged": (WIDTH, "end")}
    texts = "".join(
        f'<text x="{x}" y="{bottom + 24}" text-anchor="{anchor}">{word}</text>'
        for word, (x, anchor) in words.items()
    )
    return f"{band}{line}{texts}"


def _shape(kind: str) -> str:
    return f'<g id="score-{_css(kind)}" class="score-{_css(kind)}">{SHAPES[kind]}</g>'


def _mark(one: Standing, x: float, y: float) -> str:
    return f'<use href="#score-{_css(one.kind)}" x="{x:g}" y="{y:g}"/>'


def _key(every: Sequence[Standing]) -> str:
    counts = verdict_squares.counts(one.kind for one in every)
    entries = "".join(
        f'<li><svg viewBox="-5 -5 10 10" aria-hidden="true"><use href="#score-{_css(kind)}"/></svg>'
        f"{count} {verdict_squares.KINDS[kind]}</li>"
        for kind, count in counts.items()
    )
    return f'<ul class="scores-key">{entries}</ul>'


def _css(kind: str) -> str:
    return kind.replace(" ", "-")
