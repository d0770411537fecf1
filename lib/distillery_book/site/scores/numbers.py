"""Every published number beside what was recorded for it, a row each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from itertools import groupby

from distillery_book.pages import texts
from distillery_book.results import reasons
from distillery_book.results.published import Table
from distillery_book.results.reasons import Reason
from distillery_book.results.results import Results
from distillery_book.results.verdicts import Recorded
from distillery_book.site.front import known, verdict_squares
from distillery_book.site.scores import places
from distillery_book.site.scores.filters import body, linked, reason_link, verdict_word
from distillery_book.site.scores.filters import html as filtered
from distillery_book.site.scores.standing import Standing, standings

HEAD = ("row", "column", "published", "recorded", "n", "verdict")
CHOICES = {kind: kind for kind in verdict_squares.KINDS} | {"apart": "judges nothing"}


def html(results: Results) -> str:
    grouped = groupby(standings(results), key=lambda standing: standing.table.name)
    bodies = [_body([*group]) for _, group in grouped]
    return filtered("numbers", HEAD, bodies, CHOICES)


def _body(group: Sequence[Standing]) -> str:
    table, why = group[0].table, reasons.reasons()
    address = places.of_table(table.name, table.chapter)
    rows = [_row(standing, address, why) for standing in group]
    title, columns = _title(table, address), len(HEAD)
    return body(title, rows, paper=table.paper, chapter=table.chapter, columns=columns)


def _title(table: Table, address: str) -> str:
    chapter = f"{table.chapter} · {known.subject(table.chapter)}"
    paper = escape(known.paper_title(table.paper))
    source = f"<small>{paper}, {escape(table.reference)}</small>"
    return f"{linked(chapter, address)}: {escape(table.title)} {source}"


def _row(standing: Standing, address: str, why: Sequence[Reason]) -> str:
    cell, column = standing.cell, standing.cell.column
    label = linked(_keys(standing), address)
    unit = f", {escape(column.unit)}" if column.unit else ""
    facts = [
        f"{escape(column.name.replace('_', ' '))}{unit}",
        escape(cell.printed),
        _recorded(standing),
        str(standing.recorded.n) if standing.recorded else "",
        verdict_word(standing.verdict) + _behind(standing, why),
    ]
    cells = "".join(f"<td>{fact}</td>" for fact in facts)
    return f'<tr data-verdict="{standing.kind}"><th scope="row">{label}</th>{cells}</tr>'


def _keys(standing: Standing) -> str:
    """What tells a row apart: a number with its name, a word as it is."""
    kinds = standing.table.keys
    return ", ".join(
        f"{name.replace('_', ' ')} {value}" if kinds[name] == "integer" else str(value)
        for name, value in standing.cell.row.items()
    )


def _recorded(standing: Standing) -> str:
    if standing.recorded is None:
        return ""
    error = standing.recorded.error
    two = math.nan if error is None else 2 * error
    return texts.give_or_take(standing.recorded.value, two, standing.cell.column.format)


def _behind(standing: Standing, why: Sequence[Reason]) -> str:
    """Behind a click what a number rests on; or where it is said why there is none."""
    if standing.recorded is not None:
        return f"<details><summary>how</summary>{escape(_how(standing.recorded))}</details>"
    return reason_link(reasons.why(standing.table.name, list(standing.cell.row.values()), why), why)


def _how(recorded: Recorded) -> str:
    told = f"{recorded.data}, {recorded.profile}, {recorded.seconds:,.0f} s"
    changes = texts.departures(recorded.departures)
    return f"{told}; {changes}" if changes else told
