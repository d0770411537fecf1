"""Numbers with the ends of their intervals: computed here, recorded, printed.

`plots.intervals` draws them on one axis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from distillery_book.results import published as tables
from distillery_book.results.results import Results

if TYPE_CHECKING:
    from distillery.partition.estimate import Estimate

Interval = tuple[float, float, float]
Recorded = tuple[str, str | tuple[str, str, str], Mapping[str, Any]]


def intervals(
    *,
    here: Mapping[str, Estimate] | None = None,
    recorded: Mapping[str, Recorded] | None = None,
    published: Mapping[str, tuple[Any, ...]] | None = None,
) -> pd.DataFrame:
    """A row for each label and kind, with value, low and high: what `plots.intervals` takes.

    `here` maps a label to an estimate; `recorded` to (study, metric, where) as `recorded_interval`
    takes them; `published` to (table, keys ..., column), or with three tables, for the value and
    either end, in the table's place.
    """
    rows = [
        (label, "here", estimate.value, *estimate.interval)
        for label, estimate in (here or {}).items()
    ]
    rows += [
        (label, "recorded", *recorded_interval(*place)) for label, place in (recorded or {}).items()
    ]
    rows += [(label, "published", *printed(*place)) for label, place in (published or {}).items()]
    return pd.DataFrame(rows, columns=["label", "kind", "value", "low", "high"])


def estimates(named: Mapping[str, Estimate], truth: float | None = None) -> pd.DataFrame:
    """Estimates as a table: value, distance from the truth where that is known, error, interval,
    effective draws, number of doubts.
    """
    lines = {
        name: {
            "value": estimate.value,
            "off by": estimate.value - (truth or 0.0),
            "error": estimate.error,
            "interval": _ends(estimate),
            "effective draws": round(estimate.effective_samples),
            "doubts": len(estimate.warnings),
        }
        for name, estimate in named.items()
    }
    frame = pd.DataFrame.from_dict(lines, orient="index")
    return frame.drop(columns="off by") if truth is None else frame


def recorded_interval(
    study: str, metric: str | tuple[str, str, str], where: Mapping[str, Any]
) -> Interval:
    """(value, low, high) of a metric whose ends are recorded as `metric_low` and `metric_high`;
    means over seeds, NaN when not run.

    Three metrics name value and ends themselves. Records hold finite numbers alone: an end that is
    missing beside the other is infinite.
    """
    names = (metric, f"{metric}_low", f"{metric}_high") if isinstance(metric, str) else metric
    means = [Results.open().mean(study, name, where) for name in names]
    value, low, high = (math.nan if mean is None else mean.value for mean in means)
    if math.isnan(value) or (math.isnan(low) and math.isnan(high)):
        return value, math.nan, math.nan
    return value, -math.inf if math.isnan(low) else low, math.inf if math.isnan(high) else high


def printed(table: str | Sequence[str], /, *place: Any) -> Interval:
    """(value, low, high) of a published number, given its keys and column: three standard errors
    either side, NaN where none is printed.

    Three tables give the value and the two ends.
    """
    if not isinstance(table, str):
        value, low, high = (tables.at(name, *place).value for name in table)
        return value, low, high
    cell = tables.at(table, *place)
    if cell.below is None or cell.above is None:
        return cell.value, math.nan, math.nan
    return cell.value, cell.value - 3 * cell.below, cell.value + 3 * cell.above


def _ends(estimate: Estimate) -> str:
    """The interval, with two digits of the error."""
    low, high = estimate.interval
    error = estimate.error
    digits = 1 - math.floor(math.log10(error)) if 0 < error < 1 else 2
    return f"{low:.{digits}f} to {high:.{digits}f}"
