"""Numbers with the ends of their intervals: computed here, recorded, printed.

`plots.intervals` draws them on one axis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from distillery_book.results import published, records, registry, verdicts

if TYPE_CHECKING:
    from distillery.partition.estimate import Estimate

Interval = tuple[float, float, float]
Recorded = tuple[str, str | tuple[str, str, str], Mapping[str, Any]]
_NONE = (math.nan, math.nan, math.nan)


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
    rows = [(label, "here", one.value, *one.interval) for label, one in (here or {}).items()]
    rows += [
        (label, "recorded", *recorded_interval(*place)) for label, place in (recorded or {}).items()
    ]
    rows += [(label, "published", *printed(*place)) for label, place in (published or {}).items()]
    return pd.DataFrame(rows, columns=["label", "kind", "value", "low", "high"])


def estimates(found: Mapping[str, Estimate], truth: float | None = None) -> pd.DataFrame:
    """Estimates as a table: value, distance from the truth where that is known, error, interval,
    effective draws, number of doubts.
    """
    rows = {
        name: {"value": one.value, "off by": one.value - (truth or 0.0), **_rest(one)}
        for name, one in found.items()
    }
    frame = pd.DataFrame.from_dict(rows, orient="index")
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
    runs = records.current(registry.find(study))
    value, low, high = (verdicts.recorded(runs, name, where=where) for name in names)
    if value is None or (low is None and high is None):
        return _NONE if value is None else (value.value, math.nan, math.nan)
    return (
        value.value,
        -math.inf if low is None else low.value,
        math.inf if high is None else high.value,
    )


def printed(table: str | Sequence[str], /, *place: Any) -> Interval:
    """(value, low, high) of a published number, given its keys and column: three standard errors
    either side, NaN where none is printed.

    Three tables give the value and the two ends.
    """
    if not isinstance(table, str):
        value, low, high = (_cell(name, place).value for name in table)
        return value, low, high
    cell = _cell(table, place)
    if cell.below is None or cell.above is None:
        return cell.value, math.nan, math.nan
    return cell.value, cell.value - 3 * cell.below, cell.value + 3 * cell.above


def _cell(table: str, place: tuple[Any, ...]) -> published.Cell:
    source = published.table(table)
    if len(place) != len(source.keys) + 1:
        raise ValueError(
            f"place is {place!r}: ({', '.join(source.keys)}, column) is needed for {table}"
        )
    return source.cell(dict(zip(source.keys, place[:-1], strict=True)), place[-1])


def _rest(one: Estimate) -> dict[str, Any]:
    low, high = one.interval
    digits = 2 if not 0 < one.error < 1 else 1 - math.floor(math.log10(one.error))
    ends = f"{low:.{digits}f} to {high:.{digits}f}"
    return {
        "error": one.error,
        "interval": ends,
        "effective draws": round(one.effective_samples),
        "doubts": len(one.warnings),
    }
