"""What the parts of the front page share: the folder of its own facts, pages by numbers, and when
anything that it shows has changed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distillery_book.results import benches, published, records, registry
from distillery_book.results.book_files import reading

RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Paper:
    """One of the works that the book reproduces, in our words."""

    key: str
    cite: str
    title: str
    says: str
    reproduced: str
    chapters: tuple[int, ...]


def folder() -> Path:
    """Where the front page's own facts lie, beside the published tables."""
    return published.folder().parent / "front"


def papers() -> list[Paper]:
    with reading(_place()):
        entries = _facts()["paper"]
        return [Paper(**(entry | {"chapters": tuple(entry["chapters"])})) for entry in entries]


def chapters() -> dict[int, registry.Chapter]:
    """The chapters that have a page, by their numbers."""
    return {chapter.number: chapter for chapter in registry.listed().values()}


def subject(number: int) -> str:
    """What a chapter is about, whether it has a page or not."""
    titles = {chapter.number: chapter.title for chapter in registry.chapters().values()}
    with reading(_place()):
        subjects: Mapping[str, str] = _facts()["subjects"]
        return raised(titles.get(number) or subjects.get(str(number)) or f"Chapter {number}")


def paper_title(key: str) -> str:
    """The title of the paper that tables and claims name by this key."""
    [title] = [paper.title for paper in papers() if paper.key == key]
    return title


def raised(title: str) -> str:
    """A title with its powers raised: `2^784` is plain text in a chapter's folder."""
    return re.sub(r"\^(\d+)", lambda power: power[1].translate(RAISED), title)


def state() -> tuple[Any, ...]:
    """Names, sizes and times of the files that pages are made of."""
    results = records.results_folder(None)
    facts = [(place, "*") for place in (published.folder(), folder(), benches.folder())]
    patterns = [(results, "*.jsonl"), *facts]
    paths = [path for place, pattern in patterns for path in sorted(place.glob(pattern))]
    return tuple((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths)


def _facts() -> dict[str, Any]:
    with reading(_place()):
        return tomllib.loads(_place().read_text(encoding="utf-8"))


def _place() -> Path:
    return folder() / "papers.toml"
