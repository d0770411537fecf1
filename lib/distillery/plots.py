"""The book's pictures, from tensors and data frames: surfaces on a plane, lines with bands,
intervals on one axis, images, bars.

Each function draws into `ax` (a new figure's by default) and returns it. Colours come from
matplotlib's cycle, so that a style file decides them; no function sets a title: a figure's caption
says what it shows. Labels are required, units and all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from torch import Tensor

if TYPE_CHECKING:
    import pandas as pd

STYLE = Path(__file__).with_name(
    "plots.mplstyle"
)  # the style of the book, for `matplotlib.pyplot.style.use`
Extent = tuple[float, float, float, float]
Values = Tensor | np.ndarray | Sequence[float]
# What a dot in `intervals` means: the symbol and colour of its kind. Published is hollow, so that
# it is told apart without colour too.
KINDS: dict[str, dict[str, Any]] = {
    "here": {"color": "C1", "marker": "o"},
    "recorded": {"color": "C0", "marker": "s"},
    "published": {"color": "C5", "marker": "D", "markerfacecolor": "none"},
}

_GAP = 2
_ABOVE: dict[str, Any] = {
    "loc": "lower left",
    "bbox_to_anchor": (0.0, 1.0),
    "ncols": 6,
    "borderaxespad": 0.2,
}


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
    ax, grid = _axes(ax, (4.6, 3.8)), _square(values)
    low, high = limits or _limits(grid, signed)
    # Bands of one colour each read like contours, and compress to a tenth of a smooth picture's
    # bytes.
    colours = plt.get_cmap("RdBu_r" if signed else None, 2 * bands + 1)
    how: dict[str, Any] = {
        "interpolation": "bilinear",
        "interpolation_stage": "data",
        "origin": "lower",
    }
    image = ax.imshow(grid, colours, vmin=low, vmax=high, extent=_around(grid, extent), **how)
    if points is not None:
        x, y = _array(points).T
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
    wide = (size * len(columns) + 1.1, size * len(rows))
    figure, grid = plt.subplots(
        len(rows),
        len(columns),
        sharex=True,
        sharey=True,
        squeeze=False,
        figsize=wide,
        layout="constrained",
    )
    for (row, column), surface_values in values.items():
        ax = grid[rows.index(row), columns.index(column)]
        surface(
            surface_values,
            label=label,
            extent=extent,
            signed=signed,
            limits=limits,
            bands=bands,
            colorbar=False,
            ax=ax,
        )
        ax.label_outer()
    for name, ax in zip(columns, grid[0], strict=True):
        ax.annotate(name, (0.5, 1.03), xycoords="axes fraction", ha="center", va="bottom")
    for name, ax in zip(rows, grid[:, 0], strict=True):
        ax.set_ylabel(f"{name}\n$x_2$")
    figure.colorbar(
        grid[0, 0].images[0], ax=grid, label=label, shrink=0.8, aspect=30
    ).outline.set_visible(False)
    return grid


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
    ax = _axes(ax)
    for name, (x, y, *band) in series.items():
        (line,) = ax.plot(_array(x), _array(y), marker=marker, label=name)
        if band:
            ax.fill_between(
                _array(x),
                *_band(_array(y), [_array(side) for side in band]),
                color=line.get_color(),
                alpha=0.18,
                linewidth=0,
            )
    return _finish(ax, xlabel=xlabel, ylabel=ylabel, xlog=xlog, ylog=ylog, legend=len(series) > 1)


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
    ax = _axes(ax)
    for number, (name, (x, y, *spread)) in enumerate(series.items()):
        error = _array(spread[0]) if spread else None
        ax.errorbar(
            _array(x),
            _array(y),
            yerr=error,
            fmt="osD^vP"[number % 6],
            label=name,
            markeredgewidth=0,
            elinewidth=1,
        )
    return _finish(ax, xlabel=xlabel, ylabel=ylabel, xlog=xlog, ylog=ylog, legend=len(series) > 1)


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
    if missing := {"label", "kind", "value", "low", "high"} - set(frame.columns):
        raise ValueError(
            f"frame lacks {', '.join(sorted(missing))}: the columns label, kind, value, low, high"
            " are needed"
        )
    labels = list(dict.fromkeys(frame["label"]))
    kinds = list(dict.fromkeys(frame["kind"]))
    ax = _axes(ax, (6.4, 0.9 + 0.3 * len(labels) * max(1.0, 0.6 * len(kinds))))
    shown = _with_ends(frame)
    for number, kind in enumerate(kinds):
        own = shown[shown["kind"] == kind]
        heights = [
            labels.index(label) + 0.5 * ((number + 0.5) / len(kinds) - 0.5)
            for label in own["label"]
        ]
        _dots(ax, own, heights, kind=kind)
    if reference is not None and np.isfinite(reference):
        ax.axvline(reference, color="0.55", linewidth=0.9, linestyle="--", zorder=0)
    known = set(frame.dropna(subset=["value"])["label"])
    for row in [row for row, label in enumerate(labels) if label not in known]:
        ax.annotate(
            "not run", (0.01, row), xycoords=("axes fraction", "data"), va="center", color="0.45"
        )
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    ax.ticklabel_format(
        axis="x", useOffset=False
    )  # values stand as they are, not as a difference from a number at the axis' end
    return _finish(
        ax, xlabel=xlabel, ylabel="", xlog=xlog, ylog=False, legend=len(kinds) > 1, above=True
    )


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
    ax = _axes(ax)
    groups = list(dict.fromkeys(group for own in heights.values() for group in own))
    width = 0.8 / len(heights)
    for number, (name, own) in enumerate(heights.items()):
        places = [groups.index(group) + width * (number - (len(heights) - 1) / 2) for group in own]
        error = (
            [errors[name].get(group, np.nan) for group in own]
            if errors and name in errors
            else None
        )
        ax.bar(
            places,
            list(own.values()),
            0.92 * width,
            yerr=error,
            label=name,
            error_kw={"elinewidth": 1, "ecolor": "0.25"},
        )
    ax.set_xticks(range(len(groups)), groups)
    ax.grid(visible=False, axis="x")
    return _finish(
        ax, xlabel="", ylabel=ylabel, xlog=False, ylog=False, legend=len(heights) > 1, above=True
    )


def images(
    pictures: Tensor | Sequence[Tensor],
    *,
    columns: int = 10,
    rows: Sequence[str] = (),
    labels: Sequence[str] = (),
    size: float = 0.6,
    ax: Axes | None = None,
) -> Axes:
    """A grid of images (N, C, H, W) or (N, H, W), bytes or floats in [0, 1], `columns` to a row.

    Several such tensors start a row each, named by `rows`. `labels` stand under the lowest row.
    `size` is an image's width in inches.
    """
    stacks = [pictures] if isinstance(pictures, Tensor) else list(pictures)
    wide = min(columns, max(len(stack) for stack in stacks))
    shown = [_pixels(row) for stack in stacks for row in stack.split(wide)]
    high, across = (length + _GAP for length in shown[0].shape[1:3])
    ax = _axes(
        ax,
        (
            wide * size + (1.0 if rows else 0.1),
            len(shown) * size * high / across + (0.25 if labels else 0.1),
        ),
    )
    ax.imshow(_mosaic(shown, wide))
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    starts = np.cumsum([0, *(-(-len(stack) // wide) for stack in stacks)])
    ax.set_xticks([(j + 0.5) * across - _GAP for j in range(len(labels))], labels)
    ax.set_yticks([(starts[i] + 0.5) * high - _GAP for i in range(len(rows))], rows)
    return ax


def tinted(values: Tensor, *, bands: int = 5) -> Tensor:
    """Signed numbers (N, H, W) as coloured pictures (N, 3, H, W) for `images`: each against its own
    largest, red above zero, blue below.
    """
    x = values.detach().cpu().float()
    colours = plt.get_cmap("RdBu_r", 2 * bands + 1)(
        (0.5 + 0.5 * x / x.abs().amax((1, 2), keepdim=True).clamp(min=1e-12)).numpy()
    )
    return torch.from_numpy(np.ascontiguousarray(colours[..., :3])).float().permute(0, 3, 1, 2)


def _with_ends(frame: pd.DataFrame) -> pd.DataFrame:
    """Infinite ends a tenth of the picture beyond all finite ones."""
    numbers = frame[["value", "low", "high"]].to_numpy(float)
    if not np.isinf(numbers).any() or not np.isfinite(numbers).any():
        return frame
    left, right = numbers[np.isfinite(numbers)].min(), numbers[np.isfinite(numbers)].max()
    beyond = 0.1 * (right - left)
    return frame.assign(
        low=frame["low"].clip(lower=left - beyond), high=frame["high"].clip(upper=right + beyond)
    )


def _dots(ax: Axes, own: pd.DataFrame, heights: Sequence[float], *, kind: str) -> None:
    value = own["value"].to_numpy(float)
    sides = np.stack([value - own["low"].to_numpy(float), own["high"].to_numpy(float) - value])
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


def _pixels(pictures: Tensor) -> np.ndarray:
    """Images as (N, H, W, 4), colours and opacity in [0, 1]."""
    x = pictures.detach().cpu()
    x = (x.float() / 255 if x.dtype == torch.uint8 else x.float()).clamp(0, 1)
    x = (x.unsqueeze(1) if x.dim() == 3 else x).expand(-1, 3, -1, -1)
    return torch.cat([x, torch.ones_like(x[:, :1])], 1).permute(0, 2, 3, 1).numpy()


def _mosaic(rows: Sequence[np.ndarray], wide: int) -> np.ndarray:
    """Rows of images side by side, with gaps that let the ground through."""
    padded = [np.pad(row, ((0, wide - len(row)), (0, _GAP), (0, _GAP), (0, 0))) for row in rows]
    return np.concatenate([np.concatenate(list(row), 1) for row in padded])[:-_GAP, :-_GAP]


def _finish(
    ax: Axes, *, xlabel: str, ylabel: str, xlog: bool, ylog: bool, legend: bool, above: bool = False
) -> Axes:
    ax.set(
        xlabel=xlabel,
        ylabel=ylabel,
        **({"xscale": "log"} if xlog else {}),
        **({"yscale": "log"} if ylog else {}),
    )
    if legend:
        ax.legend(**_ABOVE if above else {})
    if not ax.has_data():
        ax.annotate(
            "not run", (0.5, 0.5), xycoords="axes fraction", ha="center", va="center", color="0.45"
        )
    return ax


def _around(grid: np.ndarray, extent: Extent) -> Extent:
    """Half a pixel beyond the outermost points, so that each pixel's centre is its point."""
    x, y = (
        (extent[2 * i + 1] - extent[2 * i]) / max(2 * (grid.shape[1 - i] - 1), 1) for i in (0, 1)
    )
    return extent[0] - x, extent[1] + x, extent[2] - y, extent[3] + y


def _colorbar(image: ScalarMappable, ax: Axes, label: str) -> None:
    bar = ax.figure.colorbar(image, ax=ax, label=label, shrink=0.9, aspect=24, pad=0.02)
    bar.outline.set_visible(False)


def _after_zero(columns: tuple[Values, ...]) -> tuple[np.ndarray, ...]:
    arrays = [_array(column) for column in columns]
    return tuple(array[arrays[0] > 0] for array in arrays)


def _band(y: np.ndarray, sides: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return (sides[0], sides[1]) if len(sides) == 2 else (y - sides[0], y + sides[0])


def _limits(grid: np.ndarray, signed: bool) -> tuple[float, float]:
    largest = float(np.abs(grid).max()) or 1.0
    return (-largest, largest) if signed else (float(grid.min()), float(grid.max()))


def _square(values: Values) -> np.ndarray:
    grid = _array(values)
    side = round(grid.size**0.5)
    if grid.ndim != 2 and side * side != grid.size:
        raise ValueError(
            f"values has shape {grid.shape}: (H, W), or the values at the points of plane(size) are"
            " needed"
        )
    return grid if grid.ndim == 2 and grid.shape[1] > 1 else grid.reshape(side, side)


def _array(values: Values) -> np.ndarray:
    return (
        values.detach().cpu().double().numpy()
        if isinstance(values, Tensor)
        else np.asarray(values, dtype=float)
    )


def _axes(ax: Axes | None, size: tuple[float, float] | None = None) -> Axes:
    return plt.figure(figsize=size).add_subplot() if ax is None else ax
