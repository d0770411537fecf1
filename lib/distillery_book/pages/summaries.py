"""Recorded runs over their seeds: as a table of means ± two standard errors, and as the lines of a
figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from distillery_book.pages.texts import NOT_RUN, give_or_take


def spread(
    frame: pd.DataFrame,
    by: Sequence[str],
    columns: Sequence[str],
    form: str = ".3g",
    *,
    across: str | None = None,
) -> pd.DataFrame:
    """Mean ± two standard errors of the columns over the runs that agree in `by`, and n, the number
    of runs; the order is the frame's.

    `across` names one of `by` whose values become columns.
    """
    _check(frame, [*by, *columns])
    if frame.empty:
        return pd.DataFrame({name: [NOT_RUN] for name in columns})
    groups = frame.groupby(list(by), sort=False)
    mean, error = groups[list(columns)].mean(), groups[list(columns)].sem()
    table = pd.DataFrame({name: _texts(mean[name], 2 * error[name], form) for name in columns})
    table["n"] = groups.size()
    return table if across is None else _spread_out(table, across)


def series(
    frame: pd.DataFrame, x: str, y: str, by: str
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each value of `by`: x, the mean of y and its standard deviation over runs, as
    `plots.lines` takes them.
    """
    _check(frame, [x, y, by])
    lines = {}
    for name, runs in frame.groupby(by, sort=False):
        groups = runs.groupby(x)[y]
        mean, deviation = groups.mean(), groups.std().fillna(0.0)
        lines[str(name)] = (mean.index.to_numpy(float), mean.to_numpy(), deviation.to_numpy())
    return lines


def shown(
    numbers: pd.DataFrame | Mapping[str, float], form: str = ".3f", *, title: str = "value"
) -> pd.DataFrame:
    """Numbers as texts in a table, "not run" for what is not a number; a mapping is one column,
    called `title`.
    """
    if not isinstance(numbers, pd.DataFrame):
        numbers = pd.Series(numbers, dtype=float).to_frame(title)
    return numbers.map(lambda number: give_or_take(number, math.nan, form))


def _texts(mean: pd.Series, margin: pd.Series, form: str) -> pd.Series:
    pairs = zip(mean, margin, strict=True)
    return pd.Series([_text(*pair, form) for pair in pairs], index=mean.index)


def _text(mean: float, margin: float, form: str) -> str:
    """A mean ± two standard errors in one digit, without an exponent where these are large."""
    if math.isnan(margin):
        return format(mean, form)
    short = f"{margin:.1g}"
    return f"{mean:{form}} ± {f'{float(short):.0f}' if 'e+' in short else short}"


def _spread_out(table: pd.DataFrame, across: str) -> pd.DataFrame:
    names = [name for name in table.columns if name != "n"]
    wide = {}
    for value, rows in table.groupby(level=across, sort=False):
        for name in names:
            title = f"{across} {value}" if len(names) == 1 else f"{name}, {across} {value}"
            wide[title] = rows[name].droplevel(across)
    keys = [key for key in table.index.names if key != across]
    return pd.DataFrame(wide).assign(n=table.groupby(level=keys, sort=False)["n"].min())


def _check(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [name for name in columns if name not in frame.columns]
    if missing and not frame.empty:
        raise ValueError(
            f"the runs have no column {missing[0]!r}: they have"
            f" {', '.join(map(str, frame.columns))}"
        )
