"""A picture that a reader can drag: charts that change along one slider, drawn by
`book/_static/draggable.js`, and the same charts as a still picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from distillery_book.figures.page import markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHADE = 0.55  # how dense bars are


@dataclass(frozen=True)
class Bars:
    """A histogram over the whole axis of a chart: `heights` of bars of equal width, and a line at
    their mean.
    """

    name: str
    colour: str
    heights: Sequence[float]
    mean: float


@dataclass(frozen=True)
class Interval:
    """A dot and its interval, in one of a chart's rows."""

    row: int
    colour: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Chart:
    """An axis from left to right, with `ticks` on it and a dashed line at `reference`.

    A chart with `rows` holds intervals, one without holds bars up to the height `top`.
    """

    title: str
    label: str
    limits: tuple[float, float]
    ticks: Sequence[float]
    reference: float
    rows: Sequence[str] = ()
    top: float = 1.0


Marks = Sequence[Sequence[Bars | Interval]]  # what stands in each chart at one position


@dataclass(frozen=True, eq=False)
class DraggableCharts:
    """Charts with other marks at every position of a slider, from left to right; `says` has a
    sentence for each position.
    """

    slider: str
    positions: Sequence[str]
    charts: Sequence[Chart]
    marks: Sequence[Marks]
    says: Sequence[str]
    alt: str
    start: int = 0

    def __post_init__(self) -> None:
        count = len(self.positions)
        if not len(self.marks) == len(self.says) == count:
            raise ValueError(
                f"the slider has {count} positions, but there are {len(self.marks)} sets of marks"
                f" and {len(self.says)} sentences"
            )
        if not 0 <= self.start < count:
            raise ValueError(f"start is {self.start}: there are {count} positions, from 0")
        for marks in self.marks:
            if len(marks) != len(self.charts):
                raise ValueError(f"there are {len(self.charts)} charts, and marks of {len(marks)}")

    @property
    def data(self) -> dict[str, Any]:
        """What the script reads; a pointer that moves from left to right runs along the slider."""
        count = len(self.positions)
        panels = [{**asdict(chart), "shows": "chart"} for chart in self.charts]
        return {
            "sliders": [{"label": self.slider, "values": list(self.positions)}],
            "places": [[index, 0] for index in range(count)],
            "extent": [-0.5, count - 0.5, -1, 1],
            "start": self.start,
            "panels": panels,
            "marks": [self._drawable(marks) for marks in self.marks],
            "circles": [],
            "points": [],
            "says": self.says,
        }

    def _drawable(self, marks: Marks) -> list[list[dict[str, Any]]]:
        pairs = zip(self.charts, marks, strict=True)
        return [[_plain(mark, chart.limits) for mark in some] for chart, some in pairs]

    def __repr__(self) -> str:
        return f"DraggableCharts({len(self.positions)} positions)"

    def _repr_html_(self) -> str:
        figure = still(self.charts, self.marks[self.start])
        return markup(self.data, figure, alt=self.alt, sentence=self.says[self.start])


def _plain(mark: Bars | Interval, limits: tuple[float, float]) -> dict[str, Any]:
    """A mark in numbers that JSON knows: ends that are infinite lie beyond the axis."""
    if isinstance(mark, Bars):
        heights = [round(height, 3) for height in mark.heights]
        return {**asdict(mark), "heights": heights, "mean": round(mark.mean, 3)}
    wide = limits[1] - limits[0]
    ends = {
        "low": max(mark.low, limits[0] - wide),
        "high": min(mark.high, limits[1] + wide),
    }
    return {**asdict(mark), **{name: round(end, 3) for name, end in ends.items()}}


def still(charts: Sequence[Chart], marks: Marks) -> Figure:
    """The charts one beside another, as the script draws them."""
    import matplotlib.pyplot as plt

    figure, row = plt.subplots(
        1, len(charts), squeeze=False, figsize=(3.5 * len(charts), 2.7), dpi=110
    )
    for axis, chart, some in zip(row[0], charts, marks, strict=True):
        axis.axvline(chart.reference, color="0.45", linewidth=1, linestyle="--")
        for mark in some:
            _draw_bars(axis, chart, mark) if isinstance(mark, Bars) else _draw_interval(axis, mark)
        axis.set(xlim=chart.limits, xticks=chart.ticks, xlabel=chart.label)
        axis.annotate(chart.title, (0.5, 1.03), xycoords="axes fraction", ha="center")
        _name_rows(axis, chart)
    return figure


def _name_rows(axis: Axes, chart: Chart) -> None:
    axis.grid(visible=False, axis="y")
    if chart.rows:
        axis.set_yticks(range(len(chart.rows)), chart.rows)
        axis.set_ylim(len(chart.rows) - 0.5, -0.5)
        return
    axis.set(yticks=[], ylim=(0, chart.top))


def _draw_bars(axis: Axes, chart: Chart, bars: Bars) -> None:
    left, right = chart.limits
    width = (right - left) / len(bars.heights)
    starts = [left + width * index for index in range(len(bars.heights))]
    axis.bar(starts, bars.heights, width, align="edge", color=bars.colour, alpha=SHADE, linewidth=0)
    if math.isfinite(bars.mean):
        axis.axvline(bars.mean, color=bars.colour, linewidth=2, label=bars.name)
    axis.legend(loc="upper left", handlelength=1)


def _draw_interval(axis: Axes, mark: Interval) -> None:
    axis.plot([mark.low, mark.high], [mark.row, mark.row], color=mark.colour, linewidth=1.8)
    axis.plot([mark.value], [mark.row], "o", color=mark.colour, markersize=6)
