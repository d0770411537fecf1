"""The papers' conclusions that a chapter tests: where each is said, and what was found."""

from __future__ import annotations

from html import escape

import pandas as pd

from distillery.metrics import Estimate
from distillery_book.pages.texts import give_or_take
from distillery_book.results import claims
from distillery_book.results.results import Results
from distillery_book.results.verdicts import NOT_RUN

COLUMNS = ["where", "tested by", "difference", "seeds", "verdict"]
ROUNDING = 1e-12  # what is left of equal numbers when they are subtracted
TOLD = {  # of one claim, and of several
    claims.HOLDS: ("holds", "hold"),
    claims.FAILS: ("fails", "fail"),
    claims.UNDECIDED: ("is undecided", "are undecided"),
    NOT_RUN: ("is not run", "are not run"),
}


def conclusions(chapter: int) -> pd.DataFrame:
    """What the papers claim and this chapter tests: the difference that speaks least for a claim,
    ± two standard errors, the seeds that it rests on, and whether it lies above zero.
    """
    results = Results.open()
    lines = {claim.claim: _line(claim, results) for claim in claims.claims(chapter)}
    frame = pd.DataFrame.from_dict(lines, orient="index", columns=COLUMNS)
    return frame.rename_axis("claim")


class WithTests:
    """Conclusions as a page shows them: under each claim, in small type, where it is made and which
    difference tests it.
    """

    def __init__(self, judged: pd.DataFrame, *columns: str) -> None:
        self._judged, self._columns = judged, list(columns)

    def __repr__(self) -> str:
        return self._judged[self._columns].to_string()

    def _repr_html_(self) -> str:
        shown = self._judged[self._columns].map(escape)
        shown.index = pd.Index(
            [
                f"{escape(claim)}<small>{escape(place)}. Test: {escape(test)}.</small>"
                for claim, place, test in zip(
                    self._judged.index,
                    self._judged["where"],
                    self._judged["tested by"],
                    strict=True,
                )
            ],
            name="claim",
        )
        return shown.to_html(escape=False, classes="claims")


def tally(judged: pd.DataFrame) -> str:
    """How many conclusions came out in which way, in words: `3 hold, 1 is undecided`."""
    counts = judged["verdict"].value_counts()
    found = {verdict: int(counts[verdict]) for verdict in TOLD if verdict in counts}
    return ", ".join(f"{n} {TOLD[verdict][n > 1]}" for verdict, n in found.items())


def _line(claim: claims.Claim, results: Results) -> list[str]:
    difference = claims.found(claim, results)
    judged = claims.judge(difference)
    shown = in_words(difference, claim.unit)
    return [claim.place, claim.test, shown, seeds(difference), judged]


def in_words(difference: Estimate | None, unit: str) -> str:
    """A difference ± two standard errors where they are known, and its unit."""
    if difference is None:
        return ""
    value = 0.0 if abs(difference.value) < ROUNDING else difference.value
    return f"{give_or_take(value, 2 * difference.error, '.3g')} {unit}".rstrip()


def seeds(difference: Estimate | None) -> str:
    """How many there were; arithmetic, which cannot be off, has none."""
    return "" if difference is None or difference.error == 0 else str(difference.n)
