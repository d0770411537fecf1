"""Functions of two inputs, in bands of colour."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from torch import Tensor

from distillery.plots._drawing import Values, array, axes

Extent = tuple[float, float, float, float]


def plane(size: int = 81, extent: Extent = (-1.0, 1.0, -1.0, 1.0)) -> Tensor:
    """The points of a square grid, (size * size, 2), row by row from the lowest: `surface` takes
    the values found there.
    """
    left, right, low, high = extent
    y, x = torch.meshgrid(
        torch.linspace(low, high, size), torch.linspace(left, right, size), indexing="ij"
    )
    return torch.stack([x, y], -1).reshape(-1, 2)


def surface(
    values: Values,
    *,
    label: str,
    extent: Extent = (-1.0, 1.0, -1.0, 1.0),
    points: Values | None = None,
    signed: bool = False,
    limits: tuple[float, float] | None = None,
    bands: int = 10,
    colorbar: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """A function of two inputs in bands of colour; `points` (N, 2) are drawn on it.

    `signed` centres the colours on zero.

    `limits` are the values of the first and last colour: give several surfaces the same ones to
    compare them. There are 2 * `bands` + 1.
    """
    ax, grid = axes(ax, (4.6, 3.8)), _square(values)
    low, high = limits or _limits(grid, signed)
    image = ax.imshow(
        grid,
        # Bands of one colour each read like contours, and compress to a tenth of a smooth
        # picture's bytes.
        plt.get_cmap("RdBu_r" if signed else None, 2 * bands + 1),
        vmin=low,
        vmax=high,
        extent=_around(grid, extent),
        interpolation="bilinear",
        interpolation_stage="data",
        origin="lower",
    )
    if points is not None:
        x, y = array(points).T
        ax.scatter(x, y, s=9, color="white", edgecolors="black", linewidths=0.5)
    ax.set(xlim=extent[:2], ylim=extent[2:], xlabel="$x_1$", ylabel="$x_2$")
    ax.locator_params(nbins=5)
    ax.grid(visible=False)
    if colorbar:
        _colorbar(image, ax, label)
    return ax


def surfaces(
    values: Mapping[tuple[str, str], Values],
    *,
    label: str,
    limits: tuple[float, float],
    extent: Extent = (-1.0, 1.0, -1.0, 1.0),
    signed: bool = False,
    bands: int = 10,
    size: float = 2.3,
) -> np.ndarray:
    """Surfaces in a grid, by (row, column), all in the same colours: names of columns stand above,
    of rows to the left.
    """
    rows, columns = (list(dict.fromkeys(key[i] for key in values)) for i in (0, 1))
    figure, grid = plt.subplots(
        len(rows),
        len(columns),
        sharex=True,
        sharey=True,
        squeeze=False,
        figsize=(size * len(columns) + 1.1, size * len(rows)),
        layout="constrained",
    )
    for (row, column), surface_values in values.items():
        ax = surface(
            surface_values,
            label=label,
            extent=extent,
            signed=signed,
            limits=limits,
            bands=bands,
            colorbar=False,
            ax=grid[rows.index(row), columns.index(column)],
        )
        ax.label_outer()
    for name, ax in zip(columns, grid[0], strict=True):
        ax.annotate(name, (0.5, 1.03), xycoords="axes fraction", ha="center", va="bottom")
    for name, ax in zip(rows, grid[:, 0], strict=True):
        ax.set_ylabel(f"{name}\n$x_2$")
    shown = grid[0, 0].images[0]
    bar = figure.colorbar(shown, ax=grid, label=label, shrink=0.8, aspect=30)
    bar.outline.set_visible(False)
    return grid


def _square(values: Values) -> np.ndarray:
    grid = array(values)
    side = round(grid.size**0.5)
    if grid.ndim != 2 and side * side != grid.size:
        raise ValueError(
            f"values has shape {grid.shape}: (H, W), or the values at the points of plane(size) are"
            " needed"
        )
    return grid if grid.ndim == 2 and grid.shape[1] > 1 else grid.reshape(side, side)


def _limits(grid: np.ndarray, signed: bool) -> tuple[float, float]:
    largest = float(np.abs(grid).max()) or 1.0
    return (-largest, largest) if signed else (float(grid.min()), float(grid.max()))


def _around(grid: np.ndarray, extent: Extent) -> Extent:
    """Half a pixel beyond the outermost points, so that each pixel's centre is its point."""
    left, right, low, high = extent
    rows, columns = grid.shape
    x = (right - left) / max(2 * (columns - 1), 1)
    y = (high - low) / max(2 * (rows - 1), 1)
    return left - x, right + x, low - y, high + y


def _colorbar(image: ScalarMappable, ax: Axes, label: str) -> None:
    bar = ax.figure.colorbar(image, ax=ax, label=label, shrink=0.9, aspect=24, pad=0.02)
    bar.outline.set_visible(False)
