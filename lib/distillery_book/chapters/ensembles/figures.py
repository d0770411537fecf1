"""What the pages of chapter 6 draw: recorded runs, each as a dot, and how students progressed.

A colour is a generator on every figure; a filled symbol or a solid line is a student of values, a
hollow symbol or a dashed line a student of slopes.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np

from distillery_book.chapters.ensembles.claims import SLOPES, VALUES, accuracy
from distillery_book.chapters.ensembles.grid import GENERATORS, LOSSES, row
from distillery_book.chapters.ensembles.parts import BATCH, Sizes
from distillery_book.results import published, store
from distillery_book.results.claims import Mean
from distillery_book.results.results import Results
from distillery_book.results.verdicts import NOT_RUN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

INPUTS = {"mnist": "images", "nade": "NADE", "noise": "noise"}  # in words
ASKED = {VALUES: "values", SLOPES: "slopes"}
SEEN = {"all": "all images", "10pct": "a tenth of them"}
COLOURS = {"mnist": "C0", "nade": "C1", "noise": "C2", "jitter": "C3", "recollections": "C4"}
MEASURES = ("accuracy", "log probability (nats)")  # in the order in which curves hold them
MARKERS = ("o", "s", "^")  # of runs that share a colour
GREY, STEP = "0.45", 0.13  # of the network that learned from labels; between the dots of a row
Curves = Mapping[str, tuple[Any, Any]]


def each_run(mean: Mean) -> list[float]:
    """What every recorded run says, in the order of the seeds."""
    runs = mean.runs(Results.open())
    return [mean.value(runs[seed]) for seed in sorted(runs)]


def level(metric: str, share: str = "all", scale: float = 100.0) -> float:
    """The mean over runs of a metric of the teacher, or of the network that learned from labels."""
    runs = each_run(Mean("ensembles", metric, row("mnist", share), scale))
    return float(np.mean(runs)) if runs else float("nan")


def times_smaller() -> float:
    """How many numbers the thirty networks have for each of the student's."""
    sizes = Sizes()
    return sizes.members * _numbers(sizes.teacher) / _numbers(sizes.student)


def _numbers(widths: tuple[int, ...]) -> int:
    """Weights and biases of a network."""
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(widths))


def seconds(where: Mapping[str, Any]) -> float:
    """What the quickest of the recorded runs took: another may have trained the teacher too."""
    runs = Mean("ensembles", "accuracy_teacher", where).runs(Results.open())
    return min((run.seconds for run in runs.values()), default=float("nan"))


def taught_by(share: str) -> dict[str, list[float]]:
    """What students of values got right in each run, by where they asked, and those that learned
    from labels: the lead of the chapter.
    """
    students = {INPUTS[name]: each_run(accuracy(name, share)) for name in GENERATORS}
    return {"labels alone": each_run(accuracy("mnist", share, "direct")), **students}


def draw_runs(rows: Mapping[str, Sequence[float]], colours: Mapping[str, str], ax: Axes) -> None:
    """A row for each name from the top, a dot for each run, and a bar at the mean of several."""
    for height, (name, values) in enumerate(rows.items()):
        if not values:
            ax.annotate(NOT_RUN, (0.5, height), xycoords=("axes fraction", "data"))
        offsets = STEP * (np.arange(len(values)) - (len(values) - 1) / 2)
        ax.plot(values, height + offsets, "o", color=colours[name], markersize=5)
        if len(values) > 1:
            mean = float(np.mean(values))
            ax.plot([mean, mean], [height - 0.36, height + 0.36], color=colours[name])
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_ylim(len(rows) - 0.4, -0.6)


def printed(share: str) -> dict[str, Any]:
    """The thesis' accuracies of a share, in the order in which they are drawn: by row in words, the
    published number and the runs that answer it.
    """
    table, wanted = "thesis_ensemble_accuracy", {}
    for name in GENERATORS:
        for loss in LOSSES:
            title = f"{INPUTS[name]}, {ASKED[loss]}"
            wanted[title] = published.at(table, name, share, loss), accuracy(name, share, loss)
    place = ("thesis_direct_training", "direct_small", share, "accuracy")
    return {"labels alone": (published.at(*place), accuracy("mnist", share, "direct")), **wanted}


def draw_gaps(share: str, ax: Axes) -> None:
    """Every run's accuracy minus the published one (dots), their median (bar), and the published
    interval of two standard errors around it (grey).
    """
    rows = printed(share)
    for height, (title, (cell, mean)) in enumerate(rows.items()):
        reach = 2 * cell.above
        ax.barh(height, 2 * reach, left=-reach, height=0.7, color="0.86", zorder=0)
        gaps = [value - cell.value for value in each_run(mean)]
        color, is_hollow = _colour(title), title.endswith("slopes")
        offsets = STEP * (np.arange(len(gaps)) - (len(gaps) - 1) / 2)
        face = "none" if is_hollow else color
        ax.plot(gaps, height + offsets, "o", color=color, markerfacecolor=face, markersize=5)
        if len(gaps) > 1:
            middle = statistics.median(gaps)
            ax.plot([middle, middle], [height - 0.36, height + 0.36], color=color)
    ax.axvline(0, color="0.6", linewidth=0.8, zorder=0)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_ylim(len(rows) - 0.4, -0.6)


def _colour(title: str) -> str:
    names = {INPUTS[name]: COLOURS[name] for name in GENERATORS}
    return names.get(title.split(",")[0], GREY)


def outside(share: str) -> list[str]:
    """The rows whose median run lies outside of the published interval."""
    far = []
    for title, (cell, mean) in printed(share).items():
        values = each_run(mean)
        if values and abs(statistics.median(values) - cell.value) > 2 * cell.above:
            far.append(title)
    return far


def curves_of(generator: str, share: str) -> list[tuple[Tensor, Tensor]]:
    """Of each run of a row of the thesis: the steps at which students were looked at (P,), and
    accuracy and log probability of values and slopes then, (P, 2, 2).
    """
    results = Results.open()
    runs = accuracy(generator, share).runs(results)
    stored = [store.arrays(runs[seed], results.folder) for seed in sorted(runs)]
    return [(arrays["steps"], arrays["test"]) for arrays in stored if arrays]


def curves(share: str) -> dict[str, tuple[Tensor, Tensor]]:
    """The same for the first run of each generator that was run."""
    stored = {name: curves_of(name, share)[:1] for name in GENERATORS}
    return {name: of_runs[0] for name, of_runs in stored.items() if of_runs}


def draw_undecided(left: Axes, right: Axes) -> None:
    """Left, every run by slopes on a tenth of the images, each with its own symbol, that which ends
    lowest in black; right, every run on noise from all images, by values and by slopes.
    """
    _draw_waiting(left, curves_of("mnist", "10pct"))
    for steps, measured in curves_of("noise", "all"):
        for index, (word, line) in enumerate(zip(ASKED.values(), ("-", "--"), strict=True)):
            percent = 100 * measured[:, index, 0]
            right.plot(steps, percent, line, color=COLOURS["noise"], label=word)
    left.set(xlabel="steps, slopes on a tenth of the images", ylabel="accuracy (%)")
    right.set(xlabel="steps, noise from all images")
    for axis in (left, right):
        axis.set(xscale="log", ylim=(5, 100))
        if axis.lines:
            axis.legend(loc="lower right")


def _draw_waiting(ax: Axes, runs: Sequence[tuple[Tensor, Tensor]]) -> None:
    ends = [float(measured[-1, 1, 0]) for _, measured in runs]
    for number, (steps, measured) in enumerate(runs):
        color = "C5" if ends[number] == min(ends) else COLOURS["mnist"]
        percent, marker = 100 * measured[:, 1, 0], MARKERS[number % len(MARKERS)]
        name = f"run {number + 1}"
        ax.plot(steps, percent, "--", color=color, marker=marker, markersize=4, label=name)


def progress(
    curves: Curves, *, levels: Sequence[Sequence[float]], limits: Sequence[Any], loc: str
) -> None:
    """A panel for each measure: students of values as lines, of slopes dashed, a colour for each
    generator; the two `levels` of a measure in grey.
    """
    size = (3.5 * len(levels), 2.7)
    _, axes = plt.subplots(1, len(levels), figsize=size, squeeze=False)
    panels = zip(axes[0], MEASURES, levels, limits, strict=False)
    for index, (axis, measure, grey, ends) in enumerate(panels):
        for name, (steps, measured) in curves.items():
            _draw(axis, steps, measured, color=COLOURS[name], index=index)
        axis.axhline(grey[0], color=GREY, linestyle="-", linewidth=1)
        axis.axhline(grey[1], color=GREY, linestyle=":", linewidth=1)
        axis.set(xscale="log", xlabel="inputs seen", ylabel=measure, ylim=ends)
    names = [INPUTS.get(name, name) for name in curves] or [NOT_RUN]
    axes[0, 0].legend(axes[0, 0].lines[: 2 * len(names) : 2], names, loc=loc)


def _draw(axis: Any, steps: Any, measured: Any, *, color: str, index: int) -> None:
    import torch

    inputs = BATCH * torch.as_tensor(steps)
    values, slopes = torch.as_tensor(measured)[:, :, index].T
    axis.plot(inputs, values, "-", color=color)
    axis.plot(inputs, slopes, "--", color=color)


__all__ = [
    "ASKED",
    "COLOURS",
    "GREY",
    "INPUTS",
    "SEEN",
    "curves",
    "curves_of",
    "draw_gaps",
    "draw_runs",
    "draw_undecided",
    "each_run",
    "level",
    "outside",
    "printed",
    "progress",
    "seconds",
    "taught_by",
    "times_smaller",
]
