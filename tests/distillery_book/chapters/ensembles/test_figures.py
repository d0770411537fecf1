"""What the pages of chapter 6 draw."""

from __future__ import annotations

import math
from collections.abc import Iterator

import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import same_color

from distillery_book.chapters.ensembles import figures, grid
from distillery_book.chapters.ensembles.grid import GENERATORS
from distillery_book.results.claims import Mean

# Two generators, looked at after one step and after ten: (accuracy, log probability) of the student
# of values, then of the student of slopes.
CURVES = {
    "mnist": ([1, 10], [[[0.1, -2.0], [0.2, -3.0]], [[0.3, -1.0], [0.4, -1.5]]]),
    "noise": ([1, 10], [[[0.5, -0.9], [0.6, -0.8]], [[0.7, -0.7], [0.8, -0.6]]]),
}


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def test_thirty_networks_have_398_numbers_for_each_of_the_students() -> None:
    assert figures.times_smaller() == pytest.approx(30 * 545_810 / 41_090)


def test_a_row_has_a_dot_for_each_run_and_a_bar_only_at_the_mean_of_several() -> None:
    _, axis = plt.subplots()
    rows = {"one": [90.0], "three": [95.0, 96.0, 97.0], "none": []}
    figures.draw_runs(rows, dict.fromkeys(rows, "C0"), axis)
    dots = [line for line in axis.lines if line.get_marker() == "o"]
    bars = [line for line in axis.lines if line.get_marker() == "None"]
    assert [list(line.get_xdata()) for line in dots] == [[90.0], [95.0, 96.0, 97.0], []]
    assert [list(line.get_xdata()) for line in bars] == [[96.0, 96.0]]
    assert [text.get_text() for text in axis.texts] == ["not run"]
    assert [label.get_text() for label in axis.get_yticklabels()] == list(rows)


def test_every_published_accuracy_of_a_share_has_a_row_and_the_runs_that_answer_it() -> None:
    for share in figures.SEEN:
        rows = figures.printed(share)
        assert len(rows) == 1 + 2 * len(GENERATORS)
        for title, (cell, mean) in rows.items():
            assert math.isfinite(cell.value)
            assert mean.where["train_data"] == share
            assert mean.metric.endswith("derivative") == title.endswith("slopes")


def test_gaps_are_medians_and_the_grey_interval_is_two_standard_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def far(mean: Mean) -> list[float]:
        return [97.46, 97.46, 10.0] if mean.where["generator"] == "mnist" else [10.0]

    monkeypatch.setattr(figures, "each_run", far)
    assert "images, values" not in figures.outside("all")
    assert "noise, slopes" in figures.outside("all")
    _, axis = plt.subplots()
    figures.draw_gaps("all", axis)
    assert [bar.get_width() for bar in axis.patches] == pytest.approx(
        [0.66, 0.62, 0.74, 0.62, 0.76, 1.08, 1.92]
    )


def test_every_generator_that_was_run_has_two_measures_of_two_students_at_every_look() -> None:
    recorded = figures.curves("10pct")
    assert set(recorded) <= set(GENERATORS)
    for steps, measured in recorded.values():
        assert measured.shape == (len(steps), 2, 2)


def test_the_quickest_run_of_none_takes_no_number_of_seconds() -> None:
    assert math.isnan(figures.seconds({"generator": "none"}))
    assert figures.seconds(grid.row("mnist", "all")) > 0


def test_a_panel_draws_its_own_measure_of_each_student_at_twenty_inputs_a_step() -> None:
    accuracy, log_prob = _panels(CURVES)
    assert [list(line.get_xdata()) for line in accuracy.lines[:4]] == [[20, 200]] * 4
    assert _heights(accuracy) == [[0.1, 0.3], [0.2, 0.4], [0.5, 0.7], [0.6, 0.8]]
    assert _heights(log_prob) == [[-2.0, -1.0], [-3.0, -1.5], [-0.9, -0.7], [-0.8, -0.6]]
    assert [line.get_linestyle() for line in accuracy.lines] == ["-", "--", "-", "--", "-", ":"]
    assert [line.get_ydata()[0] for line in log_prob.lines[4:]] == [-0.05, -0.18]


def test_the_legend_names_the_solid_line_of_each_generator_in_its_colour() -> None:
    accuracy, _ = _panels(CURVES)
    legend = accuracy.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["images", "noise"]
    for line, name in zip(legend.get_lines(), CURVES, strict=True):
        assert same_color(line.get_color(), figures.COLOURS[name])


def test_curves_of_runs_that_are_not_there_read_not_run() -> None:
    accuracy, _ = _panels({})
    legend = accuracy.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["not run"]


def _panels(curves: figures.Curves) -> list[Axes]:
    figures.progress(
        curves,
        levels=[[0.98, 0.94], [-0.05, -0.18]],
        limits=[(0, 1), (-4, 0)],
        loc="lower right",
    )
    return plt.gcf().axes


def _heights(axis: Axes) -> list[list[float]]:
    return [[round(float(y), 6) for y in line.get_ydata()] for line in axis.lines[:4]]


def test_the_run_that_ends_lowest_is_drawn_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def curve(end: float) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.tensor([1, 10]), torch.tensor([0.1, end]).view(2, 1, 1).expand(2, 2, 2)

    def kept(generator: str, _share: str) -> list[tuple[torch.Tensor, torch.Tensor]]:
        ends = [0.96, 0.85, 0.95] if generator == "mnist" else [0.7]
        return [curve(end) for end in ends]

    monkeypatch.setattr(figures, "curves_of", kept)
    _, (left, right) = plt.subplots(1, 2)
    figures.draw_undecided(left, right)
    blue = figures.COLOURS["mnist"]
    assert [same_color(line.get_color(), blue) for line in left.lines] == [True, False, True]
    assert len({line.get_marker() for line in left.lines}) == 3
    assert [line.get_linestyle() for line in right.lines] == ["-", "--"]
