"""`distillery status`: what is recorded, how it stands to what was published, what is missing."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from distillery_book.results import published, records, status
from distillery_book.results.status import Status

SUMMARY = "show what is recorded, and how it stands to what was published"
VERDICTS = ("agrees", "beats", "misses", "not run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "tables",
        nargs="*",
        metavar="TABLE",
        help="show every number of these tables (or of: aims); without, a summary of all",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="one json object for every published number and every aim",
    )
    parser.add_argument(
        "--results",
        metavar="FOLDER",
        help="where the records are; default: $DISTILLERY_RESULTS, else book/results",
    )


def run(args: argparse.Namespace) -> int:
    results = records.results_folder(args.results)
    for line in _json(args.tables, results) if args.json else _human(args.tables, results):
        print(line)
    return 0


def _json(tables: Sequence[str], results: Path) -> Iterator[str]:
    """A json array with one object a line."""
    shown = [
        json.dumps(one.as_json(), ensure_ascii=False, allow_nan=False)
        for one in _wanted(tables, results)
    ]
    yield "[\n" + ",\n".join(shown) + "\n]"


def _human(tables: Sequence[str], results: Path) -> Iterator[str]:
    if tables:
        for name in tables:
            yield from _detail(name, status.table(name, results=results))
        return
    yield from _summary(status.cells(results=results))
    yield from _detail(status.AIMS, status.aims(results=results))
    yield from _studies(results)


def _wanted(tables: Sequence[str], results: Path) -> list[Status]:
    if not tables:
        return status.cells(results=results) + status.aims(results=results)
    return [one for name in tables for one in status.table(name, results=results)]


def _summary(cells: Sequence[Status]) -> Iterator[str]:
    rows = []
    for table in published.tables():
        own = [cell for cell in cells if cell.table == table.name]
        rows.append((str(table.chapter), table.name, *_counted(own)))
    yield from _aligned(
        ("chapter", "published table", "numbers", *VERDICTS), [*rows, ("", "all", *_counted(cells))]
    )
    yield ""


def _counted(cells: Sequence[Status]) -> list[str]:
    found = status.counts(cells)
    return [str(len(cells)), *(str(found[verdict] or "·") for verdict in VERDICTS)]


def _detail(name: str, cells: Iterable[Status]) -> Iterator[str]:
    is_aims = name == status.AIMS
    head = (
        ("aim", "published", "recorded", "runs", "verdict")
        if is_aims
        else (name, "column", "published", "recorded", "runs", "verdict")
    )
    yield from _aligned(head, [_aim_row(cell) if is_aims else _cell_row(cell) for cell in cells])
    yield ""


def _cell_row(cell: Status) -> tuple[str, ...]:
    printed = published.table(cell.table).cell(cell.row, cell.column)
    row = " ".join(str(value) for value in cell.row.values())
    return (
        row,
        cell.column,
        str(printed),
        _value(cell, printed.column.format),
        _runs(cell),
        cell.verdict,
    )


def _aim_row(cell: Status) -> tuple[str, ...]:
    aim = published.aims()[str(cell.row["key"])]
    before = "·" if aim.published is None else aim.text(aim.published)
    sign = "at least" if aim.direction == "higher" else "at most"
    return (
        f"{aim.key}: {sign} {aim.text(aim.aim)} {aim.unit}",
        before,
        _value(cell, aim.format),
        _runs(cell),
        cell.verdict,
    )


def _value(cell: Status, form: str) -> str:
    return "·" if cell.recorded is None else cell.recorded.text(form)


def _runs(cell: Status) -> str:
    found = cell.recorded
    if found is None:
        return "·"
    departures = ", ".join(
        f"{name} {theirs} → {ours}" for name, (theirs, ours) in found.departures.items()
    )
    return f"{found.n} × {found.data}, {found.profile}, {found.seconds:.0f} s" + (
        f"; {departures}" if departures else ""
    )


def _studies(results: Path) -> Iterator[str]:
    rows = [
        (one.study, one.profile, f"{one.recorded} of {one.cells}", str(one.outdated or "·"))
        for one in status.progress(results=results)
    ]
    yield from _aligned(("study", "profile", "recorded", "outdated records"), rows)


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, ["-" * width for width in widths], *rows]:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
