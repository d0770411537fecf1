"""How chapter 10 draws brackets around log Z, and bounds that close as temperatures grow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes

from distillery.metrics import Estimate
from distillery_book.chapters.partition_function import claims, covered, partition, students
from distillery_book.figures.charts import Bars, Chart, DraggableCharts, Interval
from distillery_book.results.claims import Mean
from distillery_book.results.results import Results
from distillery_book.results.verdicts import NOT_RUN

FORWARD, REVERSE, BOTH = "#3a7fb8", "#d06a2c", "#3a9d6e"  # legible on white and on black
AIS = "ais_salakhutdinov_murray_2008"  # the row of what was known before
TICKS, LIMITS, BARS = (445, 450, 455, 460), (443.0, 462.0), 38
ZOOM, ZOOM_TICKS = (446.5, 456.5), (448, 450, 452, 454, 456)
SCHEDULES = {
    "friction": "friction",
    "adapted": "adapted",
    "salakhutdinov_murray": "by hand",
    "uniform": "uniform",
}
COLOURS = dict(zip(SCHEDULES.values(), ("C0", "C1", "C2", "C5"), strict=True))
ROWS = ("lower bound", "forward", "both ways", "reverse", "upper bound")
ESTIMATES = {"lower": FORWARD, "forward": FORWARD, "bridge": BOTH, "reverse": REVERSE}
ESTIMATES |= {"upper": REVERSE}
ALT = (
    "Two charts. On the left a blue and an orange heap of bars, the blue one a little to the left;"
    " a dashed line stands between their means. On the right five dots with horizontal bars, the"
    " first to the left of the dashed line, the last to its right, the middle ones on it."
)


def brackets(rows: Mapping[str, tuple[str, str, Mapping[str, Any]]]) -> Axes:
    """From the lower to the upper bound of each row, (study's metrics for either, where), with
    three standard errors beyond; the dashed line is the finest estimate.
    """
    results = Results.open()
    _, axis = plt.subplots(figsize=(6.4, 0.8 + 0.42 * len(rows)))
    for height, (*ends, where) in enumerate(rows.values()):
        pair = [claims.number(results, Mean("partition", str(end), where)) for end in ends]
        _bracket(axis, height, *pair)
    truth = claims.number(results, claims.annealed())
    if truth is not None:
        axis.axvline(truth.value, color="C1", linewidth=1.2, linestyle="--", zorder=3)
    axis.set_yticks(range(len(rows)), list(rows))
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.grid(visible=False, axis="y")
    axis.set(xlabel="log Z (nats)")
    return axis


def _bracket(axis: Axes, height: int, lower: Estimate | None, upper: Estimate | None) -> None:
    """A beam between two bounds, a thin line three standard errors beyond, the width beside it."""
    if lower is None or upper is None:
        at = (0.01, height)
        axis.annotate(NOT_RUN, at, xycoords=("axes fraction", "data"), va="center")
        return
    axis.plot(
        [lower.value, upper.value],
        [height, height],
        color="C0",
        linewidth=9,
        solid_capstyle="butt",
    )
    low, high = lower.value - 3 * lower.error, upper.value + 3 * upper.error
    axis.plot([low, high], [height, height], color="C0", linewidth=1.5)
    axis.annotate(
        f"{upper.value - lower.value:.1f} nats",
        (high, height),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
    )


def closing() -> DraggableCharts:
    """Annealing of the real machine by friction, from few temperatures to many, for a reader to
    drag; where nothing is recorded it says so.
    """
    results = Results.open()
    numbers = sorted({*partition.CLOSING, *partition.TEMPERATURES, partition.FINEST.temperatures})
    runs = {number: _run(results, number) for number in numbers}
    shown = [number for number, run in runs.items() if run is not None] or numbers
    found = claims.number(results, claims.annealed())
    truth = math.nan if found is None else found.value
    return DraggableCharts(
        "Temperatures from the simple end to the machine",
        [f"{number:,}" for number in shown],
        _charts(truth if found else sum(LIMITS) / 2),
        [_marks(results, runs[number]) for number in shown],
        [_sentence(number, runs[number]) for number in shown],
        ALT,
        start=max(1, shown.index(1000)),  # a reader can go either way
    )


def _run(results: Results, number: int) -> pd.Series | None:
    """The run at so many temperatures."""
    where = {"schedule": "friction", "temperatures": number, "data": partition.REAL}
    runs = results.runs("partition", where)
    return None if runs.empty else runs.iloc[0]


def _charts(truth: float) -> list[Chart]:
    heap = Chart("share of the paths", "log weight (nats)", LIMITS, TICKS, truth, top=0.5)
    rows = Chart("what they say of log Z", "log Z (nats)", ZOOM, ZOOM_TICKS, truth, rows=ROWS)
    return [heap, rows]


def _marks(results: Results, run: pd.Series | None) -> list[list[Bars | Interval]]:
    """Both heaps of log weights with the bounds as their means; five estimates."""
    if run is None:
        return [[], []]
    where = {name: run[name] for name in ("schedule", "temperatures", "data")}
    kept = results.arrays("partition", where)
    colours = {"forward": FORWARD, "reverse": REVERSE}
    heaps: list[Bars | Interval] = [
        Bars(way, colour, _shares(kept[way]), float(kept[way].mean()))
        for way, colour in colours.items()
    ]
    return [heaps, [_interval(run, row, kind) for row, kind in enumerate(ESTIMATES)]]


def _shares(log_weights: torch.Tensor) -> list[float]:
    """The share of the paths in each bar; what lies beyond the axis is counted at its ends."""
    within = log_weights.double().clamp(*LIMITS)
    return (torch.histc(within, BARS, *LIMITS) / len(within)).tolist()


def _interval(run: pd.Series, row: int, kind: str) -> Interval:
    """An estimate with three standard errors; an end that was not recorded does not exist."""
    low, high = (run.get(f"{kind}_{end}", math.nan) for end in ("low", "high"))
    return Interval(
        row,
        ESTIMATES[kind],
        run[kind],
        -math.inf if math.isnan(low) else low,
        math.inf if math.isnan(high) else high,
    )


def _sentence(number: int, run: pd.Series | None) -> str:
    if run is None:
        return f"{number:,} temperatures: not run."
    both = f"{run['bridge']:.2f} ± {2 * run['bridge_se']:.2f}"
    return (
        f"{number:,} temperatures, {run['chains']:,} paths either way: the bounds lie"
        f" {run['upper'] - run['lower']:.2f} nats apart, and both ways together say {both}."
    )


def annealings() -> pd.DataFrame:
    """Every recorded annealing of the real machine, with the width of its bracket and the standard
    error of the width.
    """
    runs = Results.open().runs("partition", {"method": "annealed", "data": partition.REAL})
    widths = runs["upper"] - runs["lower"]
    return runs.assign(bracket=widths, bracket_se=np.hypot(runs["upper_se"], runs["lower_se"]))


def widths(runs: pd.DataFrame) -> None:
    """The width of the bracket at each number of temperatures, a line for each schedule."""
    _, axis = plt.subplots(figsize=(5.8, 3.0))
    for place, (schedule, name) in enumerate(SCHEDULES.items()):
        some = runs[runs["schedule"] == schedule]
        beside = some["temperatures"].to_numpy(float) * (0.94 + 0.04 * place)
        axis.errorbar(
            beside,
            some["bracket"],
            2 * some["bracket_se"],
            marker="o",
            color=COLOURS[name],
            label=name,
        )
    axis.set(yscale="log", ylabel="bracket (nats)")
    axis.set_yticks([1, 2, 5, 10], ["1", "2", "5", "10"])
    _number_temperatures(axis, "temperatures")
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4)


def deviations(runs: pd.DataFrame) -> None:
    """The standard deviation of log weights, a panel for each direction; its error is what a normal
    law has.
    """
    figure, axes = plt.subplots(1, 2, figsize=(6.6, 2.9), sharey=True)
    for axis, way in zip(axes, ("forward", "reverse"), strict=True):
        for schedule, name in SCHEDULES.items():
            some = runs[runs["schedule"] == schedule]
            deviation = some[f"{way}_sd"]
            error: pd.Series = deviation / np.sqrt(2 * (some["chains"].astype(float) - 1))
            axis.errorbar(
                some["temperatures"],
                deviation,
                2 * error,
                marker="o",
                color=COLOURS[name],
                label=name,
            )
        axis.set_ylim(0, 7.5)
        _number_temperatures(axis, f"temperatures, {way}")
    axes[0].set_ylabel("deviation of log weights (nats)")
    handles = axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=4)


def _number_temperatures(axis: Axes, label: str) -> None:
    axis.set(xscale="log", xlabel=label)
    numbers = partition.TEMPERATURES
    axis.set_xticks(numbers, [f"{number:,}" for number in numbers])
    axis.minorticks_off()


def drifts(titles: Mapping[str, str]) -> None:
    """Mean log ratios along chains from the draws of some students, and beside them diamonds for
    chains from random states; `titles` maps students to labels.
    """
    results = Results.open()
    _, axis = plt.subplots(figsize=(5.8, 2.9))
    weights = {name: file for file, name in partition.STUDENTS}
    for number, (name, title) in enumerate(titles.items()):
        data = {"data": f"{partition.MACHINE}+weights:{weights[name]}"}
        kept = results.arrays("partition", data)
        upper = claims.number(results, claims.by_student(name, "upper"))
        if kept and upper is not None:
            _drift(axis, kept[f"drift_{name}"], upper.value, colour=f"C{number}", label=title)
    axis.set(xscale="log", xlabel="share of the chain (left: its start)")
    axis.set_ylabel("mean log ratio (nats)")
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)


def _drift(axis: Axes, drift: torch.Tensor, upper: float, *, colour: str, label: str) -> None:
    mean, error = drift
    marks = torch.tensor(students.MARKS).clamp(min=3e-4)  # 0 has no logarithm
    axis.errorbar(marks, mean, 2 * error, marker="o", color=colour, label=label)
    axis.plot(1.6, upper, "D", color=colour)


def coverage_table() -> pd.DataFrame:
    """Of how many machines each estimator's interval held the exact log Z, how far off it was on
    average, and of how many machines it doubted itself.
    """
    names = {
        "both_ways": "annealing, both ways",
        "forward": "annealing, forward, from the data's rates",
        "mean_field": "annealing, forward, from a mean field, without data",
        "tempered": "chains that wander over temperatures",
    }
    kinds = {"plain": "six that learned digits", "cold": "four of them, cooled"}
    lines = {
        title: [_told(covered.by(name, kind)) for kind in kinds] for name, title in names.items()
    }
    return pd.DataFrame.from_dict(lines, orient="index", columns=list(kinds.values()))


def _told(found: covered.Covered | None) -> str:
    if found is None:
        return NOT_RUN
    return f"{found.held} held, off by {found.off:.2f}, {found.doubted} doubted"
