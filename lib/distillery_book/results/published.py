"""The papers' tables as data: `book/published/*.csv`, with `schema.json` saying what their keys,
values, directions and spreads are.

A table is a list of rows known by their keys; a `Cell` is one printed number of it, with the
standard error that the paper prints beside it (if it does) and the tolerance within which another
number still agrees. `aims.csv` holds what this book aims at beyond the papers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from distillery.support.nearest import unknown
from distillery.support.told import told
from distillery_book.results import records
from distillery_book.results.book_files import reading, rows

Key = int | str
Place = tuple[Any, ...]  # (table, key, ..., column), or ("aims", key)
Direction = Literal["higher", "lower", "none"]
Helps = Literal["more", "less", "either", "never"]
DIRECTIONS = ("higher", "lower", "none")
AIMS, SCHEMA = "aims", "schema.json"
DEVIATIONS = {"2sd": 2.0, "3sd": 3.0, "interval_3sd": 3.0}


@dataclass(frozen=True)
class Column:
    """A value column: what was measured, which way is better, where the paper prints its spread,
    and what it takes to agree with it.

    `effect` is the smallest difference that a conclusion of the paper hangs on.
    """

    name: str
    meaning: str
    unit: str
    direction: Direction
    format: str
    tolerance: float | Mapping[str, Any]
    effect: float | Mapping[str, Any]
    spread: str | None = None
    spread_columns: tuple[str, ...] = ()
    by_definition: bool = False
    signed: bool = False
    same_images: bool = False
    runs_needed: int = 1

    def text(self, value: float) -> str:
        return format(value, self.format)

    def tolerance_at(self, row: Mapping[str, Key]) -> float:
        """The tolerance in a row: one number, or one that depends on a key of the row."""
        return _in_row(self.tolerance, row)

    def effect_at(self, row: Mapping[str, Key]) -> float:
        """The effect in a row, likewise."""
        return _in_row(self.effect, row)


@dataclass(frozen=True)
class Cell:
    """One printed number; `below` and `above` are its standard errors towards smaller and larger
    values, None where none is printed.

    `printed` is the number with the spread that the paper gives it: `97.46 ± 0.31 (2 sd)`, `450.86
    (450.06, 451.30)`.
    """

    table: str
    row: Mapping[str, Key]
    column: Column
    value: float
    printed: str
    below: float | None
    above: float | None
    runs: int | None

    @property
    def place(self) -> Place:
        return self.table, *self.row.values(), self.column.name

    @property
    def tolerance(self) -> float:
        return self.column.tolerance_at(self.row)

    @property
    def effect(self) -> float:
        return self.column.effect_at(self.row)

    def error_towards(self, value: float) -> float | None:
        """The printed standard error on the side where `value` lies."""
        return self.above if value > self.value else self.below

    def __str__(self) -> str:
        return self.printed


@dataclass(frozen=True)
class Table:
    """One table of a paper: `keys` tell its rows apart, `columns` hold its values, `settings` say
    what was done in a row, `protocol` what the paper says of parameters that our runs have.
    """

    name: str
    title: str
    paper: str
    reference: str
    chapter: int
    note: str
    runs: int | None
    keys: Mapping[str, str]
    settings: tuple[str, ...]
    protocol: Mapping[str, Any]
    columns: Mapping[str, Column]
    lines: tuple[Mapping[str, str], ...]

    def cells(self) -> Iterator[Cell]:
        """Every printed number, row by row; blanks are skipped."""
        for line in self.lines:
            for column in self.columns.values():
                if line[column.name] != "":
                    yield self._cell(line, column)

    def cell(self, row: Mapping[str, Key], column: str) -> Cell:
        """The number in `column` of the row with these keys, or a sentence with the rows or columns
        that exist.
        """
        if column not in self.columns:
            raise ValueError(unknown(f"column of {self.name}", column, self.columns))
        line = next((line for line in self.lines if self.key(line) == dict(row)), None)
        if line is None:
            rows = [_named(self.key(line)) for line in self.lines]
            raise ValueError(unknown(f"row of {self.name}", _named(row), rows))
        if line[column] == "":
            raise ValueError(f"{self.name} prints no {column} for {_named(row)}")
        return self._cell(line, self.columns[column])

    def key(self, line: Mapping[str, str]) -> dict[str, Key]:
        return {
            name: int(line[name]) if kind == "integer" else line[name]
            for name, kind in self.keys.items()
        }

    def _cell(self, line: Mapping[str, str], column: Column) -> Cell:
        value = float(line[column.name])
        below, above = _errors(line, column, value)
        return Cell(
            table=self.name,
            row=self.key(line),
            column=column,
            value=value,
            printed=_printed(line, column),
            below=below,
            above=above,
            runs=self.runs,
        )


@dataclass(frozen=True)
class Aim:
    """What this book aims at; `published` is None where the papers print pictures only."""

    key: str
    capability: str
    chapter: int
    metric: str
    unit: str
    direction: Direction
    published: float | None
    aim: float
    format: str
    note: str

    @property
    def place(self) -> Place:
        return AIMS, self.key

    def text(self, value: float) -> str:
        return format(value, self.format)


def names() -> list[str]:
    """The tables' names, in the order of the chapters that show them."""
    place = folder()
    with reading(place / SCHEMA):
        entries = _schema(place)["tables"]
        return sorted(entries, key=lambda name: int(entries[name]["chapter"]))


def table(name: str) -> Table:
    """The table called `name`, or a sentence with the tables that exist."""
    if name not in names():
        raise ValueError(unknown("published table", name, names()))
    return _table(folder(), name)


def tables() -> list[Table]:
    return [table(name) for name in names()]


def at(name: str, *place: Any) -> Cell:
    """The number of a table at its keys and column, given in that order."""
    source = table(name)
    if len(place) != len(source.keys) + 1:
        raise ValueError(
            f"place is {place!r}: ({', '.join(source.keys)}, column) is needed for {name}"
        )
    return source.cell(dict(zip(source.keys, place[:-1], strict=True)), place[-1])


def aims() -> dict[str, Aim]:
    """The aims by their keys."""
    path = folder() / "aims.csv"
    with reading(path):
        return {line["key"]: _aim(line) for line in rows(path)}


def helps() -> dict[str, Helps]:
    """Which way each departure that the schema lists may help: more of it, less of it, either, or
    never.
    """
    place = folder()
    with reading(place / SCHEMA):
        return {name: entry["helps"] for name, entry in _schema(place)["departures"].items()}


def papers() -> dict[str, str]:
    place = folder()
    with reading(place / SCHEMA):
        return dict(_schema(place)["papers"])


def folder() -> Path:
    """`book/published` of the repository around the current folder, else of the library's own."""
    here = (records.repository() or Path(__file__).resolve().parents[3]) / "book" / "published"
    if not (here / SCHEMA).is_file():
        raise FileNotFoundError(
            f"{here} holds no schema.json: run this inside the project's folder, whose"
            " book/published holds the papers' tables"
        )
    return here


@lru_cache
def _schema(place: Path) -> dict[str, Any]:
    with reading(place / SCHEMA):
        return dict(json.loads((place / SCHEMA).read_text(encoding="utf-8")))


@lru_cache
def _table(place: Path, name: str) -> Table:
    """The table, every number of which has been read once."""
    path = place / f"{name}.csv"
    if path.name not in {other.name for other in place.glob("*.csv")}:
        raise FileNotFoundError(f"{place / SCHEMA} describes {told(repr(name))}, without a .csv")
    lines = rows(path)
    with reading(place / SCHEMA):
        table = _described(_schema(place)["tables"][name], name, lines)
        for column in table.columns.values():
            _check_direction(column)
    with reading(place / SCHEMA), reading(path):
        for cell in table.cells():
            _check_finite(cell)
    return table


def _check_direction(column: Column) -> None:
    if column.direction not in DIRECTIONS:
        raise ValueError(
            f"the direction of {column.name} is {column.direction!r}: {', '.join(DIRECTIONS)} are"
            " known"
        )


def _check_finite(cell: Cell) -> None:
    """The number of a cell, and what it takes to agree with it."""
    numbers = (cell.value, cell.tolerance, cell.effect, cell.below or 0, cell.above or 0)
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{_named(cell.row)}: {cell.column.name} is {cell.printed}, no number")


def _described(entry: Mapping[str, Any], name: str, lines: Sequence[Mapping[str, str]]) -> Table:
    """The table as its entry in the schema describes it."""
    return Table(
        name=name,
        title=entry["title"],
        paper=entry["paper"],
        reference=entry["reference"],
        chapter=entry["chapter"],
        note=entry.get("note", ""),
        runs=entry["runs"],
        keys={key: meaning["type"] for key, meaning in entry["keys"].items()},
        settings=tuple(entry.get("settings", ())),
        protocol=entry.get("protocol", {}),
        columns={
            column: _column(column, {**entry, **given}) for column, given in entry["values"].items()
        },
        lines=tuple(lines),
    )


def _column(name: str, given: Mapping[str, Any]) -> Column:
    spread = given.get("spread", {})
    return Column(
        name=name,
        meaning=given["meaning"],
        unit=given["unit"],
        direction=given["direction"],
        format=given["format"],
        tolerance=given["tolerance"],
        effect=given["effect"],
        spread=spread.get("kind"),
        spread_columns=tuple(spread.get("columns", ())),
        by_definition=given.get("by_definition", False),
        signed=given.get("signed", False),
        same_images=given.get("same_images", False),
        runs_needed=given.get("runs_needed", 1),
    )


def _in_row(given: float | Mapping[str, Any], row: Mapping[str, Key]) -> float:
    """A number of the schema in a row: itself, or the one for a key of the row."""
    if isinstance(given, Mapping):
        return float(given[str(row[given["by"]])])
    return float(given)


def _errors(
    line: Mapping[str, str], column: Column, value: float
) -> tuple[float | None, float | None]:
    printed = [line[name] for name in column.spread_columns]
    if column.spread is None or "" in printed:
        return None, None
    scale = DEVIATIONS[column.spread]
    if len(printed) == 2:
        return (value - float(printed[0])) / scale, (float(printed[1]) - value) / scale
    return float(printed[0]) / scale, float(printed[0]) / scale


def _printed(line: Mapping[str, str], column: Column) -> str:
    shown = column.text(float(line[column.name]))
    spread = [line[name] for name in column.spread_columns]
    if column.spread is None or "" in spread:
        return shown
    if len(spread) == 2:
        return f"{shown} ({spread[0]}, {spread[1]})"
    return f"{shown} ± {spread[0]} ({column.spread[0]} sd)"


def _aim(line: Mapping[str, str]) -> Aim:
    texts: dict[str, Any] = dict(line)
    numbers = {
        "chapter": int(line["chapter"]),
        "aim": float(line["aim"]),
        "published": float(line["published"]) if line["published"] else None,
    }
    return Aim(**(texts | numbers))


def _named(row: Mapping[str, Key]) -> str:
    return " ".join(f"{name}={value}" for name, value in row.items())
