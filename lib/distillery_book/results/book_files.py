"""The book's own tables and lists, read so that whatever is wrong in one is a sentence that names
the file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distillery.support.told import told

# What csv, json, tomllib and our own reading of them make of what is not as it should be.
_MISFITS = (
    AttributeError,
    KeyError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    csv.Error,
)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """A sentence about the file, whatever is found wrong while it is read."""
    try:
        yield
    except _MISFITS as problem:
        what = f"it lacks {problem}" if isinstance(problem, KeyError) else f"{problem}"
        raise ValueError(f"{path} is not as the book needs it: {told(what)}") from problem


def rows(path: Path) -> list[dict[str, str]]:
    """The lines of a table of comma-separated values by the names in its first line; each has as
    many fields as that.
    """
    with reading(path), open(path, newline="", encoding="utf-8") as file:
        lines = csv.DictReader(file, strict=True)
        found = []
        for line in lines:
            if None in line or None in line.values():
                fields = len(lines.fieldnames or ())
                raise ValueError(f"line {lines.line_num} has not the {fields} fields of the first")
            found.append(line)
        return found
