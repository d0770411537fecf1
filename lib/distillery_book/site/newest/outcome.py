"""What came of the newest packages, as `book/bench/newest.json` keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from distillery.support.atomic import write_atomically
from distillery_book.results import benches

NUMBER, TEXT, WARNING, PAGE, TEST, SITE = "number", "text", "warning", "page", "test", "site"
FILE = "newest.json"


@dataclass(frozen=True)
class Moved:
    """A number, a text or a warning of a page that is another than with the pinned packages, or a
    page, a test or the site that failed: where, and what it was before and is after.
    """

    where: str
    kind: str
    before: str
    after: str


@dataclass(frozen=True)
class Outcome:
    """`versions` holds the packages whose version differs, pinned and newest, empty where a package
    is not there; `packages` counts all.
    """

    date: str
    commit: str
    python: str
    packages: int
    versions: Mapping[str, tuple[str, str]]
    moved: Sequence[Moved]


def place() -> Path:
    return benches.folder() / FILE


def write(outcome: Outcome, path: Path) -> None:
    text = json.dumps(asdict(outcome), indent=1, ensure_ascii=False)
    write_atomically(path, f"{text}\n".encode())


def read(path: Path) -> Outcome | None:
    """None where nobody has tried; a file that is no outcome is refused."""
    if not path.is_file():
        return None
    try:
        parsed: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no json: {error}") from None
    names = {field.name for field in fields(Outcome)}
    if not isinstance(parsed, dict) or parsed.keys() != names:
        raise ValueError(f"{path}: an outcome has the fields {', '.join(sorted(names))}")
    versions = {name: (old, new) for name, (old, new) in parsed["versions"].items()}
    moved = [Moved(**one) for one in parsed["moved"]]
    return Outcome(**(parsed | {"versions": versions, "moved": moved}))
