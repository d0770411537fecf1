"""Why a published number, or a conclusion, has not been run, in words that a reader would accept.

`book/front/not_run.csv` has a line for each reason: the tables and claims `of` which it speaks,
their `rows` (keys joined by "|"; all where none is named), and about how many `hours` of a core it
would take, where that is known. The first line that fits is the reason. A line whose numbers have
been run meanwhile speaks of nothing, and does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distillery_book.results import published
from distillery_book.results.book_files import reading, rows

FILE = "not_run.csv"


@dataclass(frozen=True)
class Reason:
    """Why some numbers and claims are not run; `hours` is a text, as in "4 to 14 each"."""

    of: tuple[str, ...]
    rows: tuple[str, ...]
    says: str
    hours: str

    def fits(self, name: str, keys: Sequence[Any] = ()) -> bool:
        """Whether this is said of a row of a table, or of a claim, which has no rows."""
        is_row = not keys or not self.rows or "|".join(map(str, keys)) in self.rows
        return name in self.of and is_row

    @property
    def text(self) -> str:
        """The reason with what it would cost."""
        return f"{self.says} (Hours of a core: {self.hours}.)" if self.hours else self.says


def reasons() -> list[Reason]:
    """All of them, in the order of the file."""
    path = place()
    with reading(path):
        return [
            Reason(
                of=tuple(line["of"].split()),
                rows=tuple(line["rows"].split()),
                says=line["reason"],
                hours=line["hours"],
            )
            for line in rows(path)
        ]


def why(name: str, keys: Sequence[Any], among: Sequence[Reason]) -> Reason | None:
    """The first reason that fits a row of a table, or a claim."""
    return next((reason for reason in among if reason.fits(name, keys)), None)


def place() -> Path:
    return published.folder().parent / "front" / FILE
