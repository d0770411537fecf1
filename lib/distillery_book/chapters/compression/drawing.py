"""How chapter 2 draws: pictures in rows, what they lose against their bits, recorded codes beside
published ones.

A colour is a kind of code, and hollow is what was published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from distillery import plots
from distillery.data import as_float
from distillery.storage import Choice
from distillery_book.chapters.compression import grid, places

ACROSS, GREYS = 12, 15
OTHERS = {"omniglot": ("Omniglot", 100), "cifar10": ("CIFAR-10", 75)}  # JPEG's best quality
SHOWN_CODES = (134, 50, 32, 244, 48)
SHOWN = (0.009, 0.17)  # errors: JPEG in thousands of bits loses less
HOLLOW: dict[str, Any] = {"markerfacecolor": "none", "markeredgewidth": 1.3}
# the kinds of points, by name: where they are found in `recorded`, and how they look
KINDS: dict[str, dict[str, Any]] = {
    "categorical, published": {"color": "C0", "marker": "D", **HOLLOW},
    "categorical, our training": {"color": "C0", "marker": "s"},
    "categorical, papers' training": {"color": "C2", "marker": "o"},
    "continuous, published": {"color": "C3", "marker": "D", **HOLLOW},
    "continuous, ours": {"color": "C3", "marker": "s"},
    "continuous, papers' layers": {"color": "C2", "marker": "X"},
    "JPEG": {"color": "C1", "marker": "^"},
    "WebP": {"color": "C5", "marker": "v"},
    "likeliest, by counts": {"color": "C0", "marker": "o"},
    "likeliest, by a prior": {"color": "C0", "marker": "P", "markersize": 7},
    "predictable": {"color": "C4", "marker": "*", "markersize": 9},
}

COUNTED = [kind for kind in KINDS if kind.startswith(("categorical", "continuous", "JPEG"))]


def gallery(rows: Mapping[str, Tensor], across: int = ACROSS, size: float = 0.5) -> None:
    """Some pictures of each named row, in few greys, so that the file is small."""
    parts = [part[:across].cpu() for part in rows.values()]
    shown = [as_float(part) if part.dtype == torch.uint8 else part for part in parts]
    greys = [(GREYS * part).round() / GREYS for part in shown]
    axis = plots.images(greys, columns=across, rows=list(rows), size=size)
    axis.images[0].set_interpolation("nearest")  # every pixel as it is


def finding() -> None:
    """Digits, and what 38 bits and eight times as many bits of JPEG keep of them."""
    rows = {
        "test digits": places.pictures(model="jpeg", quality=100),
        "38 bits": places.pictures(model="categorical", c=38, l=2),
        "JPEG, 310 bits": places.pictures(model="jpeg", quality=1),
    }
    found = {name: row for name, row in rows.items() if row is not None}
    if found:
        gallery(found, across=10, size=0.55)


def against_bits(points: pd.DataFrame, kinds: Sequence[str], *, xlabel: str, ax: Axes) -> None:
    """Points of several kinds, two standard errors where they are known; a kind without any says in
    the legend that it was not run.
    """
    for kind in kinds:
        here = points[points["kind"] == kind]
        name = kind if len(here) else f"{kind}: not run"
        ax.errorbar(
            here["bits"],
            here["loss"],
            yerr=2 * here["error"].fillna(0),
            linestyle="none",
            label=name,
            **KINDS[kind],
        )
    ax.set(xlabel=xlabel, ylabel="error of a pixel", xscale="log", yscale="log")
    ax.set_ylim(*SHOWN)
    ax.set_yticks([0.01, 0.02, 0.05, 0.1], ["0.01", "0.02", "0.05", "0.1"])
    ax.set_yticks([], minor=True)


def counted(points: pd.DataFrame) -> Figure:
    """What is lost against the bits that the papers count: categorical codes, continuous ones,
    JPEG. A line follows the best of our categorical codes of so many bits or fewer.
    """
    figure, axis = plt.subplots(figsize=(6.2, 4.0))
    run = set(points["kind"])
    shown = [kind for kind in COUNTED if kind in run or "papers'" not in kind]
    against_bits(points, shown, xlabel="bits an image, as the papers count", ax=axis)
    codes = points[points["kind"] == "categorical, our training"].sort_values("bits")
    best = codes["loss"].cummin()
    axis.plot(codes["bits"], best, color="C0", linewidth=1, drawstyle="steps-post")
    _ticks(axis, [10, 100, 1000])
    axis.set_xlim(4.5, 4000)
    axis.legend(loc="lower left", bbox_to_anchor=(-0.05, 1.0), ncols=3)
    return figure


def written(points: pd.DataFrame) -> Figure:
    """What is lost against the bits that are really written."""
    figure, axis = plt.subplots(figsize=(6.2, 3.8))
    kinds = [
        "categorical, published",
        "likeliest, by counts",
        "likeliest, by a prior",
        "predictable",
        "JPEG",
        "WebP",
    ]
    against_bits(points, kinds, xlabel="bits an image, as written", ax=axis)
    _ticks(axis, [10, 100, 1000])
    axis.set_xlim(4.5, 4000)
    axis.legend(loc="lower left", bbox_to_anchor=(-0.05, 1.0), ncols=3)
    return figure


def beside_published(rows: pd.DataFrame) -> Figure:
    """A row for each code that both trainings are asked for: printed, ours, the papers' training;
    what was not run says so.
    """
    labels = list(dict.fromkeys(rows["label"]))
    figure, axis = plt.subplots(figsize=(6.2, 0.9 + 0.34 * len(labels)))
    kinds = [kind for kind in KINDS if kind in set(rows["kind"])]
    for number, kind in enumerate(kinds):
        here = rows[rows["kind"] == kind]
        heights = [labels.index(label) + 0.22 * (number - 1) for label in here["label"]]
        is_run = here["value"].notna().any()
        axis.errorbar(
            here["value"],
            heights,
            xerr=2 * here["error"].fillna(0),
            linestyle="none",
            label=kind if is_run else f"{kind}: not run",
            **KINDS[kind],
        )
    axis.set_yticks(range(len(labels)), labels)
    axis.set(ylim=(len(labels) - 0.5, -0.5), xlim=(0, None))
    axis.set_xlabel("error of a pixel, training images")
    axis.grid(visible=False, axis="y")
    axis.legend(loc="lower left", bbox_to_anchor=(-0.25, 1.0), ncols=3, columnspacing=1.0)
    return figure


def bits_for_the_same(rows: pd.DataFrame) -> Figure:
    """The fewest bits that lose no more than a published code, a row for each of these."""
    labels = list(dict.fromkeys(rows["label"]))
    figure, axis = plt.subplots(figsize=(6.2, 2.5))
    for kind in dict.fromkeys(rows["kind"]):
        here = rows[rows["kind"] == kind]
        heights = [labels.index(label) for label in here["label"]]
        axis.plot(here["bits"], heights, linestyle="none", label=kind, **KINDS[kind])
    axis.set_yticks(range(len(labels)), labels)
    axis.set(ylim=(len(labels) - 0.5, -0.5), xscale="log", xlim=(10, 3000))
    axis.set_xlabel("bits an image, as written")
    _ticks(axis, [10, 30, 100, 300, 1000, 3000])
    axis.legend(loc="lower left", bbox_to_anchor=(-0.25, 1.0), ncols=3, columnspacing=1.0)
    return figure


def budgets(within: Mapping[str, tuple[pd.DataFrame, Choice]]) -> Figure:
    """The codes within each budget, coloured by capacity, and a ring around the largest."""
    figure, row = plt.subplots(1, len(within), sharey=True, figsize=(7.0, 3.0))
    for axis, (name, (codes, largest)) in zip(row, within.items(), strict=True):
        dots = axis.scatter(codes["l"], codes["c"], c=codes["capacity"], s=8, vmin=0, vmax=40)
        axis.loglog(largest.values, largest.variables, "o", base=2, ms=11, mfc="none", mec="C1")
        axis.annotate(name, (0.97, 0.92), xycoords="axes fraction", ha="right")
        axis.set_xlabel("values $l$")
    row[0].set_ylabel("variables $c$")
    figure.colorbar(dots, ax=row, label="capacity (bits)")
    return figure


def other_pictures() -> None:
    """Letters and scenes as JPEG's best recorded quality, codes and JPEG's worst keep them."""
    rows = {}
    for data, (name, best) in OTHERS.items():
        kept = [code for code, *_ in grid.OTHERS[data][::-1] if code in SHOWN_CODES]
        settings: dict[str, dict[str, Any]] = {
            "JPEG, best": {"model": "jpeg", "quality": best},
            **{f"{c} bits": {"model": "categorical", "c": c, "l": 2} for c in kept},
            "JPEG, worst": {"model": "jpeg", "quality": 1},
        }
        for label, setting in settings.items():
            shown = places.pictures(data=data, **setting)
            if shown is not None:
                edge = (32 - shown.shape[-1]) // 2  # letters have 28 pixels
                framed = torch.nn.functional.pad(shown, 4 * (edge,))
                rows[f"{name}: {label}"] = framed.expand(-1, 3, -1, -1)
    if rows:
        gallery(rows, across=6, size=0.55)


def _ticks(axis: Axes, at: Sequence[float]) -> None:
    axis.set_xticks(at, [f"{number:,.0f}" for number in at])
    axis.set_xticks([], minor=True)
