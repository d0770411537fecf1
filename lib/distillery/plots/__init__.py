"""The book's pictures, from tensors and data frames: surfaces on a plane, lines with bands,
intervals on one axis, images, bars.

Each function draws into `ax` (a new figure's by default) and returns it. Colours come from
matplotlib's cycle, so that a style file decides them; no function sets a title: a figure's caption
says what it shows. Labels are required, units and all.
"""

from __future__ import annotations

from pathlib import Path

from distillery.support.extras import extra

with extra("pictures", "distillery.plots"):
    from distillery.plots.groups import bars
    from distillery.plots.planes import plane, surface, surfaces
    from distillery.plots.rows import KINDS, intervals
    from distillery.plots.series import curves, lines, points
    from distillery.plots.tiles import images, tinted

# The style of the book, for `matplotlib.pyplot.style.use`.
STYLE = Path(__file__).with_name("plots.mplstyle")

__all__ = [
    "KINDS",
    "STYLE",
    "bars",
    "curves",
    "images",
    "intervals",
    "lines",
    "plane",
    "points",
    "surface",
    "surfaces",
    "tinted",
]
