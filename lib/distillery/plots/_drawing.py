"""What the pictures have in common: numbers from tensors, axes to draw into, and what every picture
is finished with.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

Values = Tensor | np.ndarray | Sequence[float]


def array(values: Values) -> np.ndarray:
    """The values as an array of doubles."""
    if isinstance(values, Tensor):
        return values.detach().cpu().double().numpy()
    return np.asarray(values, dtype=float)


def axes(ax: Axes | None, size: tuple[float, float] | None = None) -> Axes:
    """`ax`, or those of a new figure of that size in inches."""
    return plt.figure(figsize=size).add_subplot() if ax is None else ax


def scaled(ax: Axes, *, xlog: bool, ylog: bool) -> None:
    """Logarithmic axes where they are asked for."""
    if xlog:
        ax.set_xscale("log")
    if ylog:
        ax.set_yscale("log")


def legend_above(ax: Axes) -> None:
    """A legend in one line over the picture, where it hides nothing."""
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=6, borderaxespad=0.2)


def say_if_empty(ax: Axes) -> Axes:
    """The axes; a picture of nothing reads "not run"."""
    if not ax.has_data():
        ax.annotate(
            "not run", (0.5, 0.5), xycoords="axes fraction", ha="center", va="center", color="0.45"
        )
    return ax
