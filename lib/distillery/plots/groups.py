"""Bars in groups."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from distillery.plots._drawing import axes, legend_above, say_if_empty

_SHARE = 0.8  # of the way from one group to the next, taken by the bars of a group


def bars(
    heights: Mapping[str, Mapping[str, float]],
    *,
    ylabel: str,
    errors: Mapping[str, Mapping[str, float]] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Groups of bars: `heights[series][group]`, with ± errors where given. Use it only where zero
    means something.
    """
    ax = axes(ax)
    groups = list(dict.fromkeys(group for series in heights.values() for group in series))
    width = _SHARE / len(heights)
    for number, (name, series) in enumerate(heights.items()):
        shift = width * (number - (len(heights) - 1) / 2)
        spread = (errors or {}).get(name)
        ax.bar(
            [groups.index(group) + shift for group in series],
            list(series.values()),
            0.92 * width,
            yerr=None if spread is None else [spread.get(group, np.nan) for group in series],
            label=name,
            error_kw={"elinewidth": 1, "ecolor": "0.25"},
        )
    ax.set_xticks(range(len(groups)), groups)
    ax.grid(visible=False, axis="x")
    ax.set(xlabel="", ylabel=ylabel)
    if len(heights) > 1:
        legend_above(ax)
    return say_if_empty(ax)
