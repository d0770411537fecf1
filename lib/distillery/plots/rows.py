"""Dots with intervals, a row for each thing that was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from distillery.plots._drawing import axes, legend_above, say_if_empty, scaled

if TYPE_CHECKING:
    import pandas as pd

# What a dot in `intervals` means: the symbol and colour of its kind. Published is hollow, so that
# it is told apart without colour too.
KINDS: dict[str, dict[str, Any]] = {
    "here": {"color": "C1", "marker": "o"},
    "recorded": {"color": "C0", "marker": "s"},
    "published": {"color": "C5", "marker": "D", "markerfacecolor": "none"},
}
_COLUMNS = ("label", "kind", "value", "low", "high")
_SHARE = 0.5  # of a row's height, over which the dots of its kinds are spread


def intervals(
    frame: pd.DataFrame,
    *,
    xlabel: str,
    reference: float | None = None,
    xlog: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Dots with intervals on one axis, a row for each `label` and a symbol for each `kind` (here,
    recorded, published).

    `frame` has the columns label, kind, value, low, high; an interval that is not known is NaN, and
    one without an end reaches a little beyond all others. A row that has no value at all reads "not
    run". `reference` is drawn as a line.
    """
    _check_columns(frame)
    labels, kinds = (list(dict.fromkeys(frame[column])) for column in ("label", "kind"))
    ax = axes(ax, (6.4, 0.9 + 0.3 * len(labels) * max(1.0, 0.6 * len(kinds))))
    _draw_kinds(ax, _with_ends(frame), labels, kinds)
    if reference is not None and np.isfinite(reference):
        ax.axvline(reference, color="0.55", linewidth=0.9, linestyle="--", zorder=0)
    _say_what_was_not_run(ax, frame, labels)
    _name_rows(ax, labels)
    # Values stand as they are, not as a difference from a number at the axis' end.
    ax.ticklabel_format(axis="x", useOffset=False)
    ax.set(xlabel=xlabel, ylabel="")
    scaled(ax, xlog=xlog, ylog=False)
    if len(kinds) > 1:
        legend_above(ax)
    return say_if_empty(ax)


def _check_columns(frame: pd.DataFrame) -> None:
    missing = sorted(set(_COLUMNS) - set(frame.columns))
    if missing:
        raise ValueError(
            f"frame lacks {', '.join(missing)}: the columns {', '.join(_COLUMNS)} are needed"
        )


def _draw_kinds(ax: Axes, frame: pd.DataFrame, labels: Sequence[str], kinds: Sequence[str]) -> None:
    """The dots of each kind, a little below those of the kind before."""
    for number, kind in enumerate(kinds):
        dots = frame[frame["kind"] == kind]
        shift = _SHARE * ((number + 0.5) / len(kinds) - 0.5)
        heights = [labels.index(label) + shift for label in dots["label"]]
        _draw_dots(ax, dots, heights, kind=kind)


def _draw_dots(ax: Axes, dots: pd.DataFrame, heights: Sequence[float], *, kind: str) -> None:
    value, low, high = (dots[column].to_numpy(float) for column in ("value", "low", "high"))
    sides = np.stack([value - low, high - value])
    style = KINDS.get(kind, {"marker": "o"})
    ax.errorbar(
        value,
        heights,
        xerr=np.nan_to_num(sides).clip(min=0),
        linestyle="none",
        elinewidth=1.3,
        label=kind,
        **style,
    )


def _say_what_was_not_run(ax: Axes, frame: pd.DataFrame, labels: Sequence[str]) -> None:
    known = set(frame.dropna(subset=["value"])["label"])
    for height, label in enumerate(labels):
        if label not in known:
            ax.annotate(
                "not run",
                (0.01, height),
                xycoords=("axes fraction", "data"),
                va="center",
                color="0.45",
            )


def _name_rows(ax: Axes, labels: Sequence[str]) -> None:
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")


def _with_ends(frame: pd.DataFrame) -> pd.DataFrame:
    """Infinite ends a tenth of the picture beyond all finite ones."""
    numbers = frame[["value", "low", "high"]].to_numpy(float)
    finite = numbers[np.isfinite(numbers)]
    if not np.isinf(numbers).any() or not finite.size:
        return frame
    beyond = 0.1 * (finite.max() - finite.min())
    return frame.assign(
        low=frame["low"].clip(lower=finite.min() - beyond),
        high=frame["high"].clip(upper=finite.max() + beyond),
    )
