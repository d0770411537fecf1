"""How numbers become texts: the one place where a page rounds, joins and says "not run"."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from distillery import metrics
from distillery_book.results.verdicts import NOT_RUN

Shown = float | str | tuple[float, ...] | metrics.Estimate


def give_or_take(value: float, error: float, form: str) -> str:
    """A number and how far it may be off: `97.75 ± 0.06`; an error not known is left out."""
    if math.isnan(value):
        return NOT_RUN
    return format(value, form) + (f" ± {format(error, form)}" if math.isfinite(error) else "")


def shown(what: Shown, form: str) -> str:
    """What was computed here: a text as it is, a number, a number and what stands behind its ±, or
    an estimate ± two standard errors.
    """
    if isinstance(what, str):
        return what
    if isinstance(what, metrics.Estimate):
        return give_or_take(what.value, 2 * what.error, form)
    numbers = what if isinstance(what, tuple) else (what,)
    if math.isnan(numbers[0]):
        return NOT_RUN
    return " ± ".join(format(float(number), form) for number in numbers)


def departures(pairs: Mapping[str, Sequence[Any]], between: str = "; ") -> str:
    """`passes 500 → 20`: what the paper did, and what was done here."""
    return between.join(f"{name} {theirs} → {ours}" for name, (theirs, ours) in pairs.items())


def goal(cell: Any) -> str:
    """What a row of aims aims at: `at least 99.20 %`."""
    side = "at least" if cell.direction == "higher" else "at most"
    return f"{side} {format(cell.aim, cell.format)} {cell.unit}"


def evidence(cell: Any) -> dict[str, str]:
    """What is recorded for a row of `Results.cells`, and what it rests on; departures first, since
    they qualify the verdict.
    """
    if pd.isna(cell.value):
        return dict.fromkeys(("departures", "n", "data", "profile", "seconds"), "")
    return {
        "departures": departures(cell.departures),
        "n": str(cell.n),
        "data": cell.data,
        "profile": cell.profile,
        "seconds": f"{cell.seconds:.0f}",
    }
