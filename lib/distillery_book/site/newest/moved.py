"""What is another than before: versions, what the pages print, tests, the site's warnings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from distillery_book.site import ipynb
from distillery_book.site.ipynb import Cell
from distillery_book.site.newest.outcome import NUMBER, PAGE, SITE, TEST, TEXT, WARNING, Moved
from distillery_book.site.pytest_notebooks import NUMBER as NUMBERS
from distillery_book.site.pytest_notebooks import close, comparison

LONGEST = 200  # characters of a text that are kept
RAN, PASSED, BUILT = "ran", "passed", "built"
ADDRESS = re.compile(r"0x[0-9a-f]{8,}")


def versions(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The packages whose version differs, by name."""
    names = sorted(old.keys() | new.keys())
    pairs = {name: (old.get(name, ""), new.get(name, "")) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def page(committed: Path, executed: Path) -> Iterator[Moved]:
    """A cell at a time what a page prints; a page without an executed copy has failed."""
    if not executed.is_file():
        yield Moved(committed.stem, PAGE, RAN, "failed")
        return
    after = {cell["id"]: cell for cell in ipynb.code_cells(ipynb.read(executed))}
    for cell in ipynb.code_cells(ipynb.read(committed)):
        where = f"{committed.stem}, cell {cell['id']}"
        if cell["id"] in after:
            yield from _of_cell(where, cell, after[cell["id"]])


def tests(report: Path) -> Iterator[Moved]:
    """The tests that failed, as pytest's xml report tells them."""
    if not report.is_file():
        yield Moved("tests", TEST, RAN, "ended without a report")
        return
    for case in ElementTree.parse(report).iter("testcase"):
        for problem in [*case.findall("failure"), *case.findall("error")]:
            where = f"{case.get('classname')}::{case.get('name')}"
            yield Moved(where, TEST, PASSED, _short(problem.get("message") or "failed"))


def site(output: str, *, succeeded: bool) -> Iterator[Moved]:
    """The warnings of a site that was not built; where there are none, its last line."""
    if succeeded:
        return
    lines = [line for line in output.splitlines() if line.strip()]
    warnings = [line for line in lines if "WARNING" in line or "ERROR" in line]
    for line in dict.fromkeys(warnings or lines[-1:] or ["failed"]):
        yield Moved(SITE, SITE, BUILT, _short(line))


def _of_cell(where: str, before: Cell, after: Cell) -> Iterator[Moved]:
    mode, rtol, atol = comparison(before["metadata"])
    old, new = _warnings(before), _warnings(after)
    if old != new:
        yield Moved(where, WARNING, _short(old), _short(new))
    old, new = _printed(before), _printed(after)
    if old == new or mode == "none":
        return
    if mode == "close" and close(new, old, rtol=rtol, atol=atol):
        return
    yield _difference(where, old, new)


def _difference(where: str, old: str, new: str) -> Moved:
    """The number that moved furthest, where numbers alone did; else the first line that differs."""
    numbers = list(zip(NUMBERS.findall(old), NUMBERS.findall(new), strict=False))
    if close(new, old, rtol=float("inf"), atol=0.0) and numbers:
        furthest = max(numbers, key=lambda pair: _relative(float(pair[0]), float(pair[1])))
        return Moved(where, NUMBER, *furthest)
    lines = zip([*old.splitlines(), ""], [*new.splitlines(), ""], strict=False)
    first = next((pair for pair in lines if pair[0] != pair[1]), (old, new))
    return Moved(where, TEXT, *map(_short, first))


def _relative(old: float, new: float) -> float:
    return abs(new - old) / max(abs(old), abs(new)) if old != new else 0.0


def _printed(cell: Cell) -> str:
    """What a cell prints and shows as text; pictures are not compared, nor addresses in memory."""
    parts = [_texts(output) for output in cell["outputs"] if output.get("name") != "stderr"]
    return ADDRESS.sub("0xADDRESS", "\n".join(parts))


def _warnings(cell: Cell) -> str:
    parts = [_texts(output) for output in cell["outputs"] if output.get("name") == "stderr"]
    return ADDRESS.sub("0xADDRESS", "".join(parts)).strip()


def _texts(output: Mapping[str, Any]) -> str:
    if output["output_type"] == "stream":
        return "".join(output["text"])
    data = output.get("data", {})
    return "\n".join("".join(data[kind]) for kind in sorted(data) if kind.startswith("text/"))


def _short(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} …"
