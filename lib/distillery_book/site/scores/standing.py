"""Where each published number stands, and the sentence that sums them up on the scoreboard, on the
first page and in the README.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distillery.support.atomic import write_atomically
from distillery_book.results import published, verdicts
from distillery_book.results.published import Cell, Table
from distillery_book.results.results import Results
from distillery_book.results.verdicts import NOT_RUN, Recorded
from distillery_book.site.front import verdict_squares

DECIDED = {"agrees": True, "beats": True, "misses": False, "differs": False}
GLUED = re.compile(r"(?<=<!-- scoreboard -->\n).*?(?=\n<!-- end of scoreboard -->)", re.DOTALL)


@dataclass(frozen=True)
class Standing:
    """A published number, what is recorded for it, and the verdict, of which `kind` is the word."""

    table: Table
    cell: Cell
    recorded: Recorded | None
    verdict: str
    kind: str

    @property
    def score(self) -> float | None:
        """How far ours lies from the published number towards its better side, in units of what
        still agrees; where no side is better, any distance is one to the worse. None where nothing
        is judged.
        """
        if self.recorded is None or self.kind == "apart":
            return None
        gap = self.recorded.value - self.cell.value
        allowed = verdicts.margin(self.cell, self.recorded)
        towards = {"higher": gap, "lower": -gap, "none": -abs(gap)}[self.cell.column.direction]
        if allowed:
            return towards / allowed
        return math.copysign(math.inf, towards) if towards else 0.0


def standings(results: Results) -> list[Standing]:
    """One for each number that the papers print, in the order of chapters and tables."""
    cells = [(table, cell) for table in published.tables() for cell in table.cells()]
    said = verdict_squares.printed(results)["verdict"]
    answers = [results.answers.get(cell.place) for _, cell in cells]
    rows: Any = zip(cells, answers, said, verdict_squares.kinds(said), strict=True)
    return [
        Standing(table, cell, answer, verdict, kind)
        for (table, cell), answer, verdict, kind in rows
    ]


def finding(results: Results) -> str:
    """In a sentence, how many of all numbers came out, how many did not, and what the rest are."""
    counts = verdict_squares.counts(
        verdict_squares.kinds(verdict_squares.printed(results)["verdict"])
    )
    came_out = sum(counts.get(word, 0) for word, is_good in DECIDED.items() if is_good)
    did_not = sum(counts.get(word, 0) for word, is_good in DECIDED.items() if not is_good)
    rest = {
        f"{counts.get('undecided', 0)} are undecided": "undecided",
        f"{counts.get('apart', 0)} judge nothing": "apart",
        f"{counts.get(NOT_RUN, 0)} are not run": NOT_RUN,
    }
    others = ", ".join(text for text, kind in rest.items() if counts.get(kind))
    return (
        f"Of {sum(counts.values())} printed numbers {came_out} came out as published or better"
        f" and {did_not} did not; {others}."
    )


def refresh(readme: Path, results: Results) -> bool:
    """Write the sentence into the README between its marks, where there is one; true if that
    changed it.
    """
    if not readme.is_file():
        return False
    before = readme.read_text(encoding="utf-8")
    after = GLUED.sub(lambda _: finding(results), before)
    if after == before:
        return False
    write_atomically(readme, after.encode())
    return True
