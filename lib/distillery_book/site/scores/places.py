"""Where a chapter's page shows a published table, or its paper's claims: the address of the
section, found in the notebook itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from docutils.nodes import make_id

from distillery_book.results import published
from distillery_book.site import ipynb
from distillery_book.site.front import known

ASIDE = ("Checks", "Summary", "Provenance")
TABLES, CLAIMS, WHOLE = ("Beside the p", "Recorded beside"), ("claim",), ("At full scale",)


def of_table(name: str, chapter: int) -> str:
    """The address of the section that shows a table; empty while the chapter has no page."""
    shown = [heading for heading, code in _sections(chapter) if f'"{name}"' in code]
    first = [heading for heading in shown if heading not in ASIDE][:1]
    return _address(chapter, first or _headed(chapter, TABLES) or _headed(chapter, WHOLE))


def of_claims(chapter: int) -> str:
    """The address of the section that judges a chapter's claims."""
    return _address(chapter, _headed(chapter, CLAIMS) or _headed(chapter, WHOLE))


def notebooks() -> list[Path]:
    """The pages whose headings decide the addresses."""
    book = published.folder().parent
    return [book / f"{chapter.notebook}.ipynb" for chapter in known.chapters().values()]


def _address(chapter: int, headings: list[str]) -> str:
    if chapter not in known.chapters():
        return ""
    page = f"{known.chapters()[chapter].notebook}.html"
    return f"{page}#{make_id(headings[0])}" if headings else page


def _headed(chapter: int, words: tuple[str, ...]) -> list[str]:
    """The headings that contain any of these words."""
    return [name for name, _ in _sections(chapter) if any(word in name for word in words)]


def _sections(chapter: int) -> tuple[tuple[str, str], ...]:
    """Each heading of a chapter's page, with the code beneath it."""
    if chapter not in known.chapters():
        return ()
    path = published.folder().parent / f"{known.chapters()[chapter].notebook}.ipynb"
    return _read(path, path.stat().st_mtime_ns)


@cache
def _read(path: Path, changed: int) -> tuple[tuple[str, str], ...]:
    """`changed` is when the file did: what was read before does not count then."""
    return tuple(_parts(path))


def _parts(path: Path) -> Iterator[tuple[str, str]]:
    heading, code = "", ""
    for cell in ipynb.read(path)["cells"]:
        source = ipynb.source(cell)
        if cell["cell_type"] == "code":
            code += source
        for name in _headings(source) if cell["cell_type"] == "markdown" else ():
            yield heading, code
            heading, code = name, ""
    yield heading, code


def _headings(source: str) -> list[str]:
    return re.findall(r"^##+ (.+)$", source, flags=re.MULTILINE)
