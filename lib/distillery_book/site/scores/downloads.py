"""The whole scoreboard as files: csv, json and Markdown, as `distillery status` prints them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from distillery_book.results import published
from distillery_book.results.results import Results
from distillery_book.site.scores import listing

FOLDER = "_downloads/scoreboard"
NAMES = {"csv": "scoreboard.csv", "json": "scoreboard.json", "Markdown": "scoreboard.md"}


def html() -> str:
    """Links from a page of the book, which lies one folder down."""
    links = [f'<a href="../{FOLDER}/{name}" download>{form}</a>' for form, name in NAMES.items()]
    return f'<p class="downloads">Download all numbers as {links[0]}, {links[1]} or {links[2]}.</p>'


def write(site: Path, results: Results) -> None:
    folder = site / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    lines = {
        "csv": listing.as_csv([], results),
        "json": listing.as_json([], results),
        "Markdown": _markdown(results),
    }
    for form, name in NAMES.items():
        (folder / name).write_text("\n".join(lines[form]) + "\n", encoding="utf-8")


def _markdown(results: Results) -> Iterator[str]:
    """The summary, then every table."""
    yield from listing.as_tables([], results, listing.piped)
    yield ""
    yield from listing.as_tables(published.names(), results, listing.piped)
