"""Numbers against numbers: lines with bands, training curves, clouds of points."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from distillery.plots._drawing import Values, array, axes, say_if_empty, scaled

_SYMBOLS = "osD^vP"


def lines(
    series: Mapping[str, tuple[Values, ...]],
    *,
    xlabel: str,
    ylabel: str,
    xlog: bool = False,
    ylog: bool = False,
    marker: str = "",
    ax: Axes | None = None,
) -> Axes:
    """One line for each name: (x, y), (x, y, spread) with a band of ± spread, or (x, y, low, high)
    with a band between.
    """
    ax = axes(ax)
    for name, columns in series.items():
        x, y, *sides = map(array, columns)
        (line,) = ax.plot(x, y, marker=marker, label=name)
        if sides:
            low, high = _band(y, sides)
            ax.fill_between(x, low, high, color=line.get_color(), alpha=0.18, linewidth=0)
    return _finished(ax, xlabel, ylabel, xlog=xlog, ylog=ylog, several=len(series) > 1)


def curves(
    series: Mapping[str, tuple[Values, ...]],
    *,
    ylabel: str,
    xlabel: str = "steps",
    ylog: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Training curves: `lines` over a logarithmic axis of steps; a point at step 0 cannot be shown
    there and is left out.
    """
    shown = {name: _after_zero(columns) for name, columns in series.items()}
    return lines(shown, xlabel=xlabel, ylabel=ylabel, xlog=True, ylog=ylog, ax=ax)


def points(
    series: Mapping[str, tuple[Values, ...]],
    *,
    xlabel: str,
    ylabel: str,
    xlog: bool = False,
    ylog: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """One cloud of points for each name, with symbols of their own: (x, y), or (x, y, spread) with
    vertical bars.
    """
    ax = axes(ax)
    for number, (name, columns) in enumerate(series.items()):
        x, y, *spread = map(array, columns)
        ax.errorbar(
            x,
            y,
            yerr=spread[0] if spread else None,
            fmt=_SYMBOLS[number % len(_SYMBOLS)],
            label=name,
            markeredgewidth=0,
            elinewidth=1,
        )
    return _finished(ax, xlabel, ylabel, xlog=xlog, ylog=ylog, several=len(series) > 1)


def _finished(ax: Axes, xlabel: str, ylabel: str, *, xlog: bool, ylog: bool, several: bool) -> Axes:
    ax.set(xlabel=xlabel, ylabel=ylabel)
    scaled(ax, xlog=xlog, ylog=ylog)
    if several:
        ax.legend()
    return say_if_empty(ax)


def _band(y: np.ndarray, sides: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Both sides of a band, as they are given, or one spread away from y."""
    return (sides[0], sides[1]) if len(sides) == 2 else (y - sides[0], y + sides[0])


def _after_zero(columns: tuple[Values, ...]) -> tuple[np.ndarray, ...]:
    arrays = [array(column) for column in columns]
    return tuple(column[arrays[0] > 0] for column in arrays)
