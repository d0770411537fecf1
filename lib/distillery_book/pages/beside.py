"""Recorded runs beside one another, each number with two standard errors: as a table, as dots of a
figure, and as what a paper concludes.

A conclusion is a difference. It holds where the recorded difference lies more than two standard
errors above zero, fails where it lies as far below, and is undecided between.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from distillery_book.pages.summaries import NOT_RUN
from distillery_book.results import published, records, registry, status, verdicts

Runs = Mapping[str, Mapping[str, Any]]
Place = tuple[Any, ...]
_NONE = (math.nan, math.nan)


@dataclass(frozen=True)
class Claim:
    """One published number, (table, key, ..., column), lies above another, or above zero where
    there is none.

    `paired` is the difference as runs measured it themselves, example by example: (study, metric,
    where, scale). Without it the errors of the two numbers are combined as if they had nothing in
    common, which overstates that of the difference.
    """

    above: Place
    below: Place | None = None
    paired: tuple[str, str, Mapping[str, Any], float] | None = None


def beside(study: str, runs: Runs, metrics: Mapping[str, tuple[str, float, str]]) -> pd.DataFrame:
    """A row for each label of `runs`, which says where its runs are; `metrics` maps a title to
    metric, scale and format.

    Numbers are means over seeds ± two standard errors; then n, the number of seeds, and the minutes
    of one run.
    """
    known = records.current(registry.find(study))
    lines = {}
    for label, where in runs.items():
        found = {
            title: verdicts.recorded(known, name, where=where, scale=scale)
            for title, (name, scale, _) in metrics.items()
        }
        lines[label] = {
            title: _said(_pair(found[title]), metrics[title][2]) for title in metrics
        } | _about(found.values())
    return pd.DataFrame.from_dict(lines, orient="index", columns=[*metrics, "n", "minutes"])


def dots(
    study: str,
    runs: Runs,
    metric: str,
    *,
    scale: float = 1.0,
    printed: Mapping[str, Place] | None = None,
) -> pd.DataFrame:
    """The same for one metric as `plots.intervals` takes it; `printed` places a published number
    beside a label.
    """
    known = records.current(registry.find(study))
    rows = [
        (
            label,
            "recorded",
            *_ends(_pair(verdicts.recorded(known, metric, where=where, scale=scale))),
        )
        for label, where in runs.items()
    ]
    rows += [
        (label, "published", *_ends(_published(place))) for label, place in (printed or {}).items()
    ]
    return pd.DataFrame(rows, columns=["label", "kind", "value", "low", "high"])


def concluded(claims: Mapping[str, Claim], form: str = ".2f") -> pd.DataFrame:
    """What is concluded, a line for each: the recorded difference, the published one, and whether
    the recorded one lies above zero.
    """
    found = {(one.table, *one.row.values(), one.column): one.recorded for one in status.cells()}
    lines = {}
    for text, claim in claims.items():
        ours = (
            _paired(claim)
            if claim.paired
            else _gap(*(_pair(found[place]) for place in _sides(claim)))
        )
        theirs = _gap(*(_published(place) for place in _sides(claim)))
        lines[text] = {
            "recorded": _said(ours, form),
            "published": _said(theirs, form),
            "holds": _holds(*ours),
        }
    return pd.DataFrame.from_dict(lines, orient="index", columns=["recorded", "published", "holds"])


def _sides(claim: Claim) -> list[Place]:
    return [claim.above] if claim.below is None else [claim.above, claim.below]


def _paired(claim: Claim) -> tuple[float, float]:
    assert claim.paired is not None
    study, metric, where, scale = claim.paired
    return _pair(
        verdicts.recorded(records.current(registry.find(study)), metric, where=where, scale=scale)
    )


def _pair(found: verdicts.Recorded | None) -> tuple[float, float]:
    """Value and standard error, not a number where there is none."""
    return (
        _NONE if found is None else (found.value, math.nan if found.error is None else found.error)
    )


def _published(place: Place) -> tuple[float, float]:
    table = published.table(place[0])
    cell = table.cell(dict(zip(table.keys, place[1:-1], strict=True)), place[-1])
    return cell.value, math.nan if cell.above is None else cell.above


def _gap(
    first: tuple[float, float], second: tuple[float, float] = (0.0, 0.0)
) -> tuple[float, float]:
    return first[0] - second[0], math.hypot(first[1], second[1])


def _ends(found: tuple[float, float]) -> tuple[float, float, float]:
    value, error = found
    return value, value - 2 * error, value + 2 * error


def _said(found: tuple[float, float], form: str) -> str:
    value, error = found
    if math.isnan(value):
        return NOT_RUN
    return format(value, form) + ("" if math.isnan(error) else f" ± {format(2 * error, form)}")


def _holds(value: float, error: float) -> str:
    if math.isnan(value):
        return NOT_RUN
    return "yes" if value > 2 * error else "no" if value < -2 * error else "undecided"


def _about(found: Any) -> dict[str, str]:
    run = next((one for one in found if one is not None), None)
    return (
        dict.fromkeys(("n", "minutes"), "")
        if run is None
        else {"n": str(run.n), "minutes": f"{run.seconds / run.n / 60:.0f}"}
    )
