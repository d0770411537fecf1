"""Recorded runs over their seeds: as a table of value ± spread, and as the lines of a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

NOT_RUN = "not run"


def spread(
    frame: pd.DataFrame,
    by: Sequence[str],
    columns: Sequence[str],
    form: str = ".3g",
    *,
    across: str | None = None,
) -> pd.DataFrame:
    """Mean ± standard deviation of the columns over the runs that agree in `by`, and n, the number
    of runs; the order is the frame's.

    `across` names one of `by` whose values become columns.
    """
    _check(frame, [*by, *columns])
    if frame.empty:
        return pd.DataFrame({name: [NOT_RUN] for name in columns})
    groups = frame.groupby(list(by), sort=False)
    mean, deviation = groups[list(columns)].mean(), groups[list(columns)].std()
    texts = {
        name: [_said(m, d, form) for m, d in zip(mean[name], deviation[name], strict=True)]
        for name in columns
    }
    table = pd.DataFrame({**texts, "n": groups.size().to_numpy()}, index=mean.index)
    return table if across is None else _spread_out(table, across)


def series(
    frame: pd.DataFrame, x: str, y: str, by: str
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each value of `by`: x, the mean of y and its standard deviation over runs, as
    `plots.lines` takes them.
    """
    _check(frame, [x, y, by])
    found = {}
    for name, own in frame.groupby(by, sort=False):
        mean, deviation = own.groupby(x)[y].mean(), own.groupby(x)[y].std().fillna(0.0)
        found[str(name)] = (mean.index.to_numpy(float), mean.to_numpy(), deviation.to_numpy())
    return found


def shown(
    numbers: pd.DataFrame | Mapping[str, float], form: str = ".3f", *, title: str = "value"
) -> pd.DataFrame:
    """Numbers as texts in a table, "not run" for what is not a number; a mapping is one column,
    called `title`.
    """
    frame = (
        numbers
        if isinstance(numbers, pd.DataFrame)
        else pd.Series(numbers, dtype=float).to_frame(title)
    )
    return frame.map(lambda number: NOT_RUN if np.isnan(number) else format(number, form))


def _spread_out(table: pd.DataFrame, across: str) -> pd.DataFrame:
    names = [name for name in table.columns if name != "n"]
    values = table.index.get_level_values(across)
    wide = {}
    for value in dict.fromkeys(values):
        own = table[values == value].droplevel(across)
        wide.update(
            {
                f"{across} {value}" if len(names) == 1 else f"{name}, {across} {value}": own[name]
                for name in names
            }
        )
    return pd.DataFrame(wide).assign(
        n=table["n"]
        .groupby(level=[key for key in table.index.names if key != across], sort=False)
        .min()
    )


def _said(mean: float, deviation: float, form: str) -> str:
    if np.isnan(deviation):
        return format(mean, form)
    short = f"{deviation:.1g}"
    return f"{mean:{form}} ± {format(float(short), '.0f') if 'e+' in short else short}"


def _check(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    if not frame.empty and (missing := [name for name in columns if name not in frame.columns]):
        raise ValueError(
            f"the runs have no column {missing[0]!r}: they have"
            f" {', '.join(map(str, frame.columns))}"
        )
