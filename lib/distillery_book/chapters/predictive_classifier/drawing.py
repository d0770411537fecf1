"""How chapter 8 draws surfaces over the square, its data, and Gaussians over the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from torch import Tensor

from distillery import plots

SQUARE = (-10.0, 10.0, -10.0, 10.0)
PANELS = 5.25  # inches that all columns share, so that names stay legible however many there are


def draw_data(axis: Axes, x: Tensor, y: Tensor) -> None:
    """The labelled points: filled where y = 1, hollow where y = 0."""
    for value, colour in ((1, "black"), (0, "white")):
        points = x[y == value]
        axis.scatter(
            points[:, 0], points[:, 1], s=7, color=colour, edgecolors="black", linewidths=0.6
        )


def panels(
    surfaces: Mapping[str, Tensor | None],
    data: tuple[Tensor, Tensor] | None,
    *,
    columns: int,
    label: str,
    limits: tuple[float, float],
    signed: bool = False,
) -> None:
    """Surfaces over the square in the same colours, each under its name, with the data on it; what
    is missing reads "not run".
    """
    rows = math.ceil(len(surfaces) / columns)
    side = PANELS / columns
    figure, axes = plt.subplots(
        rows, columns, sharex=True, sharey=True, figsize=(PANELS + 0.7, (side + 0.2) * rows)
    )
    for axis, (name, values) in zip(axes.flat, surfaces.items(), strict=True):
        shown = torch.zeros(61, 61) if values is None else values
        plots.surface(
            shown,
            label=label,
            extent=SQUARE,
            limits=limits,
            signed=signed,
            colorbar=False,
            ax=axis,
        )
        if data is not None:
            draw_data(axis, *data)
        text = name if values is not None else f"{name}: not run"
        place = {"xycoords": "axes fraction", "ha": "center", "va": "bottom"}
        axis.annotate(text, (0.5, 1.03), fontsize=9, **place)
        axis.set(xticks=[-10, 0, 10], yticks=[-10, 0, 10])
        axis.label_outer()
    bar = figure.colorbar(axes.flat[0].images[0], ax=axes, label=label, shrink=0.8)
    bar.outline.set_visible(False)


def draw_ellipse(axis: Axes, mean: Tensor, covariance: Tensor, *, colour: str, label: str) -> None:
    """The ellipse that lies two standard deviations from a Gaussian's mean."""
    angle = torch.linspace(0, 2 * math.pi, 181, dtype=torch.float64)
    circle = torch.stack([angle.cos(), angle.sin()])
    path = mean[:, None] + 2 * torch.linalg.cholesky(covariance) @ circle
    axis.plot(*path, color=colour, linewidth=1.6, label=label)


def along_the_rim(values: Tensor) -> tuple[Tensor, Tensor]:
    """Angles in degrees, and a surface's values, along the upper half of the square's border, from
    (10, 0) by the top to (-10, 0).
    """
    side = torch.linspace(-10, 10, 61)
    right, top, left = values[30:, 60], values[60, :60].flip(0), values[30:60, 0].flip(0)
    x = torch.cat([torch.full((31,), 10.0), side[:60].flip(0), torch.full((30,), -10.0)])
    y = torch.cat([side[30:], torch.full((60,), 10.0), side[30:60].flip(0)])
    return torch.atan2(y.abs(), x) * 180 / math.pi, torch.cat([right, top, left])
