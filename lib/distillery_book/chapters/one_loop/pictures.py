"""What the pictures of chapter 1 show: the teacher's surface, where it is asked, and recorded
students beside it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from distillery import plots
from distillery.generators import Generator
from distillery.training.run import History
from distillery_book.chapters.one_loop import one_loop
from distillery_book.chapters.one_loop.one_loop import (
    GENERATORS,
    LOSSES,
    MIDDLES,
    MOVED_POINTS,
    SIDE,
    around,
    generator,
    square,
    surface,
)
from distillery_book.figures.draggable import Draggable, Panel, colours
from distillery_book.results.results import Results

SIZE, STEPS, RADIUS, BANDS = 61, 5000, 2.0, 5
EXTENT = (-SIDE, SIDE, -SIDE, SIDE)
ASKED = {
    "uniform": "asked everywhere",
    "data": "asked on the data",
    "wrong place": "asked in the\nwrong place",
}
ERROR = "distance from the teacher"
MOVED_ALT = (
    "Three square maps. The teacher shows bent red and blue waves; a cloud of white dots lies in"
    " its upper right corner. The student shows the same bend under the dots, and pale wedges"
    " elsewhere. The map of their distance is dark under the dots, with broad yellow bands that"
    " cross a dashed ring."
)
COMPARED = {"values": "values", "slopes": "slopes", "both": "values and slopes"}


def truth() -> Tensor:
    """The teacher's answers on the grid of the recorded ones."""
    return surface(plots.plane(SIZE, EXTENT)).reshape(SIZE, SIZE)


def recorded(place: str, what: str) -> Tensor:
    """The answers of the recorded student of seed 0; not numbers where there is none."""
    where = {"generator": place, "loss": what, "questions": 0, "steps": STEPS}
    arrays = Results.open().arrays("one_loop", where)
    return arrays["answers"].float() if arrays else torch.full((SIZE, SIZE), torch.nan)


def errors(place: str, what: str) -> Tensor:
    """How far those answers are from the teacher's."""
    return (recorded(place, what) - truth()).abs()


def near(place: str) -> Tensor:
    """Which points of the grid lie where the generator asks: anywhere, on the ring, or within two
    standard deviations of the corner.
    """
    x = plots.plane(SIZE, EXTENT)
    inside = {
        "uniform": torch.ones(len(x), dtype=torch.bool),
        "data": (x.norm(dim=1) - RADIUS).abs() < 0.4,
        "wrong place": (x - 2.2).norm(dim=1) < 1.0,
    }
    return inside[place].reshape(SIZE, SIZE)


def asked(name: str, count: int) -> Tensor:
    """Places that a generator of the chapter asks at."""
    return generator(name, rng=torch.Generator().manual_seed(0)).draw(count).x


def three_students() -> Figure:
    """Above what the students of values alone answer, with places where they were asked; below how
    far that is from the teacher.
    """
    figure, rows = plt.subplots(2, 3, sharex=True, sharey=True, figsize=(6.0, 4.0))
    for name, above, below in zip(GENERATORS, *rows, strict=True):
        answers = recorded(name, "values")
        _draw(answers, above, points=asked(name, 80), signed=True, limits=(-1, 1))
        _draw(errors(name, "values"), below, limits=(0, 0.5))
        above.annotate(ASKED[name], (0.5, 1.03), xycoords="axes fraction", ha="center")
        _ring(below)
    _bars(figure, rows, "student's answer $f_\\theta(x)$", ERROR)
    return figure


def nine_errors() -> Figure:
    """How far each recorded student of seed 0 is from the teacher: a row a generator, a column a
    loss.
    """
    figure, rows = plt.subplots(3, 3, sharex=True, sharey=True, figsize=(5.2, 4.4))
    for name, row in zip(GENERATORS, rows, strict=True):
        for what, ax in zip(LOSSES, row, strict=True):
            _draw(errors(name, what), ax, limits=(0, 0.5))
            _ring(ax)
        row[0].set_ylabel(f"{ASKED[name]}\n$x_2$")
    for what, ax in zip(LOSSES, rows[0], strict=True):
        ax.annotate(COMPARED[what], (0.5, 1.03), xycoords="axes fraction", ha="center")
    _bar(figure, rows, ERROR)
    return figure


def losses_apart(students: Mapping[str, Callable[[Tensor], Tensor]]) -> Figure:
    """How far students of several losses are from the teacher, side by side."""
    figure, row = plt.subplots(1, len(students), sharey=True, figsize=(6.0, 2.3))
    x = plots.plane(SIZE, EXTENT)
    for (what, student), ax in zip(students.items(), row, strict=True):
        with torch.no_grad():
            _draw((student(x) - surface(x)).abs(), ax, limits=(0, 0.5))
        ax.annotate(COMPARED[what], (0.5, 1.03), xycoords="axes fraction", ha="center")
    _bar(figure, row, ERROR)
    return figure


def teacher_and_generators(generators: Mapping[str, Generator]) -> Figure:
    """The teacher's surface, and under three kinds of marks where three generators ask."""
    figure, ax = plt.subplots(figsize=(5.0, 4.0))
    grid = surface(plots.plane(81, EXTENT))
    label = "teacher's answer $t(x)$"
    plots.surface(grid, label=label, extent=EXTENT, signed=True, bands=BANDS, limits=(-1, 1), ax=ax)
    marks = {"uniform": ("P", "black"), "data": ("o", "white"), "wrong place": ("^", "#f2c14e")}
    for name, (marker, color) in marks.items():
        x, y = generators[name].draw(120).x.T
        label = ASKED[name].removeprefix("asked ").replace("\n", " ")
        ax.scatter(
            x, y, s=24, color=color, marker=marker, label=label, edgecolors="black", linewidths=0.6
        )
    ax.legend(loc="lower left", bbox_to_anchor=(-0.05, 1.0), ncols=3, columnspacing=1.0)
    return figure


def learning(histories: Mapping[str, History], window: int = 20) -> Figure:
    """The loss where students are asked, and their error on the ring, step by step."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.0))
    colors = {"data": "C0", "wrong place": "C1"}
    for name, history in histories.items():
        parts = history.losses.unfold(0, window, window)
        steps = torch.arange(1, len(parts) + 1) * window
        label = ASKED[name].replace("\n", " ")
        left.plot(steps, parts.mean(1), color=colors[name], label=label)
        low, high = parts.quantile(0.1, dim=1), parts.quantile(0.9, dim=1)
        left.fill_between(steps, low, high, color=colors[name], alpha=0.18, linewidth=0)
        right.plot(*history.probed("ring"), color=colors[name], marker="o", markersize=3)
    left.set(xlabel="gradient steps", ylabel="training loss", yscale="log")
    right.set(xlabel="gradient steps", ylabel="error on the ring", ylim=(0, None))
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def moved(start: tuple[float, float] = (2.4, 2.4)) -> Draggable:
    """The recorded students of a generator that is moved over the square, for a reader to drag."""
    places = list(itertools.product(MIDDLES, MIDDLES))
    students = torch.stack([moved_student(*place) for place in places])
    teacher = surface(square(MOVED_POINTS)).reshape(MOVED_POINTS, MOVED_POINTS)
    cloud = around(0.0, 0.0, rng=torch.Generator().manual_seed(1)).draw(60).x
    first = places.index(start)
    return Draggable(
        students,
        teacher,
        {"Generator, left to right (x₁)": MIDDLES, "Generator, down to up (x₂)": MIDDLES},
        [_sentence(*place) for place in places],
        _panels(),
        _still(teacher, students[first], cloud + torch.tensor(start)),
        MOVED_ALT,
        EXTENT,
        scale=(-1.6, 1.6),
        start=first,
        points=cloud,
        circles=[(0.0, 0.0, RADIUS)],
    )


def moved_student(first: float, second: float) -> Tensor:
    """The answers of the recorded student that was asked around one point; not numbers where there
    is none.
    """
    arrays = Results.open().arrays("one_loop", one_loop.moved(first, second))
    missing = torch.full((MOVED_POINTS, MOVED_POINTS), torch.nan)
    return arrays["answers"].float() if arrays else missing


def _sentence(first: float, second: float) -> str:
    run = Results.open().runs("one_loop", one_loop.moved(first, second))
    place = f"Asked around ({first:g}, {second:g})".replace("-", "\N{MINUS SIGN}")
    if run.empty:
        return f"{place}: not run."
    there, ring = run["rmse_asked"].item(), run["rmse_ring"].item()
    return f"{place}, the student errs by {there:.3f} there and by {ring:.2f} on the dashed ring."


def _panels() -> list[Panel]:
    """The teacher, the student and their distance."""
    tint, shade = colours("RdBu_r", 2 * BANDS + 1), colours("cividis", 2 * BANDS + 1)
    return [
        Panel("teacher", "answer", "reference", tint, (-1, 1), points=True),
        Panel("student", "answer", "array", tint, (-1, 1), points=True),
        Panel("distance", "between the two answers", "difference", shade, (0, 0.5)),
    ]


def _still(teacher: Tensor, student: Tensor, points: Tensor) -> Figure:
    """The three maps at the first place."""
    figure, row = plt.subplots(1, 3, sharey=True, figsize=(6.0, 2.9), dpi=100)
    _draw(teacher, row[0], points=points, signed=True, limits=(-1, 1))
    _draw(student, row[1], points=points, signed=True, limits=(-1, 1))
    _draw((student - teacher).abs(), row[2], limits=(0, 0.5))
    for name, ax in zip(("teacher", "student", "distance"), row, strict=True):
        _ring(ax)
        ax.annotate(name, (0.5, 1.03), xycoords="axes fraction", ha="center")
    _bar(figure, row[:2], "answer", location="bottom")
    _bar(figure, row[2:], "between the two answers", location="bottom")
    return figure


def _draw(
    values: Tensor,
    ax: Axes,
    *,
    limits: tuple[float, float],
    points: Tensor | None = None,
    signed: bool = False,
) -> None:
    plots.surface(
        values,
        label="",
        extent=EXTENT,
        signed=signed,
        limits=limits,
        bands=BANDS,
        colorbar=False,
        ax=ax,
    )
    if points is not None:
        x, y = points.T
        ax.scatter(x, y, s=5, color="white", edgecolors="black", linewidths=0.4)
    ax.label_outer()


def _ring(ax: Axes) -> None:
    """A dashed line where the data lie."""
    angle = np.linspace(0, 2 * np.pi, 121)
    x, y = RADIUS * np.cos(angle), RADIUS * np.sin(angle)
    ax.plot(x, y, color="white", linewidth=2.2)
    ax.plot(x, y, color="black", linewidth=1.1, linestyle=(0, (3, 2)))


def _bars(figure: Figure, rows: np.ndarray, *labels: str) -> None:
    for row, label in zip(rows, labels, strict=True):
        _bar(figure, row, label)


def _bar(
    figure: Figure,
    axes: np.ndarray,
    label: str,
    *,
    location: Literal["right", "bottom"] = "right",
) -> None:
    shown = axes.flat[0].images[0]
    bar = figure.colorbar(shown, ax=axes, label=label, location=location, shrink=0.9, aspect=24)
    bar.outline.set_visible(False)
