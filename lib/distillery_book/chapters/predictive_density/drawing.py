"""How chapter 7 draws what a run kept: densities over x, and the shares of the three means."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from torch import Tensor

from distillery_book.chapters.predictive_density.pictures import EDGES, X

EXACT = "0.72"  # the grey of whatever is exact


def label(axis: Axes, text: str) -> None:
    """A word in the upper left corner."""
    axis.annotate(text, (0.04, 0.86), xycoords="axes fraction", fontsize=9)


def draw_densities(axis: Axes, arrays: Mapping[str, Tensor]) -> None:
    """The exact predictive density as a hill, the true model dotted, the two students as lines, and
    the data as ticks below.
    """
    drawn = {name: values.float() for name, values in arrays.items()}
    axis.fill_between(X, drawn["density_exact"], color=EXACT, label="exact")
    axis.plot(X, drawn["density_true"], "k:", linewidth=1.1, label="true model")
    axis.plot(X, drawn["density_batch"], "C0-", linewidth=1.4, label="batch")
    axis.plot(X, drawn["density_online"], "C1--", linewidth=1.4, label="online")
    data = drawn["data"]
    axis.plot(data, 0 * data - 0.008, "k|", markersize=5, alpha=0.6)


def draw_means(axis: Axes, arrays: Mapping[str, Tensor]) -> None:
    """The posterior of each mean as a hill, and what a chain shows of it as a line."""
    middles = (EDGES[1:] + EDGES[:-1]) / 2
    for k, colour in enumerate(("C3", "C4", "C5")):
        exact, chain = (arrays[name][k].float() for name in ("means_exact", "means_chain"))
        axis.fill_between(middles, exact, color=colour, alpha=0.3, linewidth=0)
        axis.plot(middles, chain, color=colour, linewidth=1.1, label=f"$m_{k + 1}$")
    axis.set_ylim(0, 1.3 * axis.get_ylim()[1])
