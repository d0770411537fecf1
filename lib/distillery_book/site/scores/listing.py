"""What is recorded beside what is published, as json, as csv, or as tables of text: what
`distillery status` prints, and what can be downloaded from the scoreboard.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd

from distillery_book.pages import texts
from distillery_book.results import published, reasons
from distillery_book.results.published import AIMS
from distillery_book.results.reasons import Reason
from distillery_book.results.results import Results
from distillery_book.results.verdicts import NOT_RUN, REDUCED, VERDICTS

NOTHING = "·"
CSV = (
    *("chapter", "table", "row", "column", "unit", "published", "aim"),
    *("recorded", "two_standard_errors", "n", "profile", "data", "seconds", "study"),
    *("verdict", "departures", "reason"),
)
Layout = Callable[[Sequence[str], Sequence[Sequence[str]]], Iterator[str]]


def as_json(tables: Sequence[str], results: Results) -> Iterator[str]:
    """A json array with one object a line."""
    known = reasons.reasons()
    objects = [
        json.dumps(_object(cell, known), ensure_ascii=False, allow_nan=False)
        for cell in _asked(tables, results)
    ]
    yield "[\n" + ",\n".join(objects) + "\n]"


def as_csv(tables: Sequence[str], results: Results) -> Iterator[str]:
    """A line for every number, with two standard errors; what is not known is left empty."""
    text, known = io.StringIO(), reasons.reasons()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV)
    for cell in _asked(tables, results):
        writer.writerow(_line(cell, known))
    yield text.getvalue().rstrip("\n")


def _line(cell: Any, known: Sequence[Reason]) -> list[Any]:
    is_run = not pd.isna(cell.value)
    about = [cell.n, cell.profile, cell.data, cell.seconds, cell.study, cell.verdict]
    changes = texts.departures(cell.departures) if is_run else ""
    numbers = [cell.published, cell.aim, cell.value, 2 * cell.error if is_run else None]
    return [
        cell.chapter,
        cell.table,
        " ".join(map(str, cell.keys)),
        cell.column,
        cell.unit,
        *(_plain(number) for number in numbers),
        *(_plain(fact) for fact in about),
        changes,
        _why(cell, known) or "",
    ]


def _plain(what: Any) -> Any:
    """Numbers in ten digits, nothing for what is not known."""
    if what is None or pd.isna(what):
        return ""
    return format(what, ".10g") if isinstance(what, float) else what


def _asked(tables: Sequence[str], results: Results) -> Iterator[Any]:
    """The numbers of these tables, or all."""
    for frame in [results.table(name) for name in tables] or [results.cells]:
        yield from frame.itertuples()


def _object(cell: Any, known: Sequence[Reason]) -> dict[str, Any]:
    """A row of `Results.cells` as json shows it, with null for what is no number."""
    is_aim, is_run = cell.table == AIMS, not pd.isna(cell.value)
    names = ["key"] if is_aim else published.table(cell.table).keys
    about = ("profile", "data", "seconds", "departures", "study")
    return {
        "table": cell.table,
        "row": dict(zip(names, cell.keys, strict=True)),
        "column": cell.column,
        "published": _number(cell.published),
        **({"aim": cell.aim} if is_aim else {}),
        "recorded": _recorded(cell) if is_run else None,
        **{name: getattr(cell, name) if is_run else None for name in about},
        "verdict": cell.verdict,
        "reason": _why(cell, known),
    }


def _why(cell: Any, known: Sequence[Reason]) -> str | None:
    """Why a number is not run, where it is not and the reason is known."""
    reason = reasons.why(cell.table, cell.keys, known) if cell.verdict == NOT_RUN else None
    return None if reason is None else reason.text


def _recorded(cell: Any) -> dict[str, float | None]:
    return {"value": cell.value, "spread": _number(cell.spread), "n": int(cell.n)}


def _number(value: float) -> float | None:
    return None if pd.isna(value) else value


def as_tables(tables: Sequence[str], results: Results, laid_out: Layout) -> Iterator[str]:
    """Every number of these tables; or, without, a summary of all, the aims and the studies."""
    if not tables:
        yield from _summary(results.cells.query("table != @AIMS"), laid_out)
    for name in tables or [AIMS]:
        yield from _detail(name, results.table(name), laid_out)
    if not tables:
        yield from _studies(results, laid_out)


def _summary(cells: pd.DataFrame, laid_out: Layout) -> Iterator[str]:
    """How often each verdict occurs in each table and in all, reduced or not."""
    words = cells["verdict"].str.removesuffix(REDUCED)
    counts = pd.crosstab(cells["table"], words).reindex(columns=VERDICTS, fill_value=0)
    of_table = counts.T.to_dict("list")
    rows = [
        (str(table.chapter), table.name, *_counted(of_table[table.name]))
        for table in published.tables()
    ]
    head = ("chapter", "published table", "numbers", *VERDICTS)
    yield from laid_out(head, [*rows, ("", "all", *_counted(counts.sum().tolist()))])
    yield ""


def _counted(counts: Sequence[int]) -> list[str]:
    return [str(sum(counts)), *(str(count or NOTHING) for count in counts)]


def _detail(name: str, cells: pd.DataFrame, laid_out: Layout) -> Iterator[str]:
    first = ("aim",) if name == AIMS else (name, "column")
    head = (*first, "published", "recorded", "runs", "verdict")
    yield from laid_out(head, [_row(cell) for cell in cells.itertuples()])
    yield ""


def _row(cell: Any) -> tuple[str, ...]:
    keys = " ".join(map(str, cell.keys))
    place = (f"{keys}: {texts.goal(cell)}",) if cell.table == AIMS else (keys, cell.column)
    if pd.isna(cell.value):
        return *place, cell.printed or NOTHING, NOTHING, NOTHING, cell.verdict
    recorded = texts.give_or_take(cell.value, 2 * cell.error, cell.format)
    runs = f"{cell.n} × {cell.data}, {cell.profile}, {cell.seconds:.0f} s"
    changes = texts.departures(cell.departures, ", ")
    runs += f"; {changes}" if changes else ""
    return *place, cell.printed or NOTHING, recorded, runs, cell.verdict


def _studies(results: Results, laid_out: Layout) -> Iterator[str]:
    rows = [
        (study, profile, f"{recorded} of {cells}", str(outdated or NOTHING))
        for study, profile, recorded, cells, outdated in results.progress.to_numpy().tolist()
    ]
    yield from laid_out(("study", "profile", "recorded", "outdated records"), rows)


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns of one width, for a terminal."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, ["-" * width for width in widths], *rows]:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def piped(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table in Markdown."""
    for row in [head, ["---"] * len(head), *rows]:
        yield "| " + " | ".join(text.replace("|", "\\|") for text in row) + " |"
