"""The examples of the library's names, from `book/examples`: a file a room, in Markdown.

A heading of the second level names one or several names of the room, and the Python beneath it
runs by itself. The site shows it beneath each of these names; a test runs them all.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from distillery_book.results import published

BLOCK = re.compile(r"^## ([^\n]+)\n\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
LOOP = "distillation"  # the file of what `distillery` itself gives out, wherever it lives


@dataclass(frozen=True)
class Example:
    """A piece of code that runs by itself, and the names that it shows."""

    room: str
    names: tuple[str, ...]
    code: str


def files() -> list[Path]:
    return sorted((published.folder().parent / "examples").glob("*.md"))


def every() -> list[Example]:
    """All examples, file by file."""
    return [example for path in files() for example in _of_file(path, path.stat().st_mtime_ns)]


def of(name: str) -> str | None:
    """The code for a name of the library, `distillery.generators.noise.Noise` say."""
    if name.count(".") < 2:
        return None
    room, own = name.split(".")[1], name.rpartition(".")[2]
    found = {(one.room, known): one.code for one in every() for known in one.names}
    return found.get((room, own)) or found.get((LOOP, own))


@functools.cache
def _of_file(path: Path, changed: int) -> list[Example]:
    text = path.read_text(encoding="utf-8")
    return [
        Example(path.stem, tuple(heading.split(", ")), code)
        for heading, code in BLOCK.findall(text)
    ]
