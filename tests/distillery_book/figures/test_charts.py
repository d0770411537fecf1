"""Charts to drag: a pointer runs along the slider, ends that do not exist lie beyond the axis, and
the still picture stands where no script runs.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import Any

import matplotlib as mpl
import pytest

from distillery_book.figures.charts import Bars, Chart, DraggableCharts, Interval, Marks, still

mpl.use("agg")

HEAP = Chart("weights", "nats", (0.0, 10.0), (0, 5, 10), 5.0)
ROWS = Chart("estimates", "nats", (0.0, 10.0), (0, 5, 10), 5.0, rows=("lower", "upper"))
MARKS: list[Marks] = [
    [[Bars("there", "#000000", (0.25, 0.75), 6.0)], [Interval(1, "#000000", 4.0, -math.inf, 5.0)]],
    [[Bars("there", "#000000", (0.5, 0.5), 5.0)], [Interval(0, "#000000", 5.0, 4.0, math.inf)]],
]


def picture(**changed: Any) -> DraggableCharts:
    made = DraggableCharts("steps", ("10", "100"), (HEAP, ROWS), MARKS, ("few", "many"), "heaps")
    return replace(made, **changed)


def told(made: DraggableCharts) -> dict[str, Any]:
    [data] = re.findall(
        r'<script type="application/json">(.*?)</script>', made._repr_html_(), flags=re.DOTALL
    )
    return dict(json.loads(data))


def test_a_pointer_from_left_to_right_runs_along_the_slider() -> None:
    data = told(picture())
    assert data["places"] == [[0, 0], [1, 0]]
    assert data["extent"] == [-0.5, 1.5, -1, 1]
    assert data["sliders"] == [{"label": "steps", "values": ["10", "100"]}]


def test_an_end_that_does_not_exist_lies_beyond_the_axis() -> None:
    data = told(picture())
    assert data["marks"][0][1][0]["low"] == -10
    assert data["marks"][1][1][0]["high"] == 20


def test_every_position_has_its_marks_in_every_chart() -> None:
    data = told(picture())
    assert [panel["shows"] for panel in data["panels"]] == ["chart", "chart"]
    assert data["marks"][1][0][0]["heights"] == [0.5, 0.5]
    assert data["says"] == ["few", "many"]


def test_without_a_script_there_are_a_picture_and_the_first_sentence() -> None:
    shown = re.sub(r"<script.*</script>", "", picture(start=1)._repr_html_(), flags=re.DOTALL)
    assert re.search(r'<img src="data:image/png;base64,[\w+/=]+" alt="heaps">', shown)
    assert '<p class="draggable-says">many</p>' in shown


def test_the_still_picture_has_an_axis_for_each_chart_with_its_rows() -> None:
    figure = still((HEAP, ROWS), MARKS[0])
    heap, rows = figure.axes
    assert heap.get_xlim() == rows.get_xlim() == (0, 10)
    assert [label.get_text() for label in rows.get_yticklabels()] == ["lower", "upper"]


def test_positions_without_marks_are_refused() -> None:
    with pytest.raises(ValueError, match="2 positions, but there are 1 sets of marks and 2"):
        picture(marks=MARKS[:1])


def test_a_start_that_is_no_position_is_refused() -> None:
    with pytest.raises(ValueError, match="start is 2: there are 2 positions"):
        picture(start=2)


def test_marks_for_another_number_of_charts_are_refused() -> None:
    with pytest.raises(ValueError, match="there are 2 charts, and marks of 1"):
        picture(marks=[[MARKS[0][0]], MARKS[1]])
