from __future__ import annotations

import math
from collections.abc import Iterator

import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import same_color

from distillery_book.chapters.ensembles.grid import GENERATORS
from distillery_book.chapters.ensembles.ladder import LADDER
from distillery_book.pages import ensembles as page
from distillery_book.pages import notebook
from distillery_book.results import published

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


def test_conclusions_are_differences_of_published_numbers_and_in_the_order_of_their_letters() -> (
    None
):
    claims = page.claims()
    assert list(claims) == sorted(claims)
    assert [title[0] for title in claims] == list("abbccdde")
    for claim in claims.values():
        for place in claim.sides:
            assert math.isfinite(published.at(*place).value)


def test_what_slopes_gain_is_turned_round_exactly_where_values_are_claimed_to_be_better() -> None:
    paired = {title: claim for title, claim in page.claims().items() if claim.paired}
    assert {title[0] for title in paired} == {"c", "d"}
    for title, claim in paired.items():
        assert claim.paired is not None
        assert claim.below is not None
        better, worse = claim.above[-1], claim.below[-1]
        assert (better, worse) == (
            ("derivative", "cross_entropy")
            if title.startswith("d. slopes beat values")
            else ("cross_entropy", "derivative")
        )
        assert claim.paired[3] == (100.0 if better == "derivative" else -100.0)
        _, metric, where, _ = claim.paired
        assert metric == "accuracy_gain_of_slopes"
        assert (where["generator"], where["train_data"]) == claim.above[1:3]
        assert claim.above[:3] == claim.below[:3]


def test_a_random_tenth_is_a_row_of_its_own_only_where_a_tenth_is_seen() -> None:
    rows = {share: list(page.ladder(share).index) for share in ("all", "10pct")}
    assert rows["all"][:4] == [
        "mnist, as the thesis",
        "mnist, He start",
        "nade, as the thesis",
        "nade, He start",
    ]
    assert rows["10pct"][:3] == ["mnist, as the thesis", "mnist, random tenth", "mnist, He start"]
    assert len(rows["all"]) == 4 + sum(rung.share == "all" for rung in LADDER)
    assert len(rows["10pct"]) == 6 + sum(rung.share == "10pct" for rung in LADDER)


def test_only_rows_of_the_thesis_have_a_published_dot_and_every_row_a_recorded_one() -> None:
    dots = page.ladder_dots("10pct")
    of_kind = dots.groupby("kind")["label"].agg(list)
    assert of_kind["published"] == ["mnist, as the thesis", "nade, as the thesis"]
    assert sorted(of_kind["recorded"]) == sorted(page.ladder("10pct").index)
    printed = dots[dots["kind"] == "published"].set_index("label")["value"]
    assert printed["nade, as the thesis"] == 96.64


def test_levels_are_first_the_teachers_then_those_of_the_network_that_learned_from_labels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def asked(study: str, metric: str, **where: object) -> str:
        return f"{study} {metric} {where['generator']} {where['train_data']}"

    monkeypatch.setattr(notebook, "value", asked)
    assert page.levels("log_prob", "10pct") == [
        "ensembles log_prob_teacher mnist 10pct",
        "ensembles log_prob_direct mnist 10pct",
    ]


def test_every_generator_that_was_run_has_two_measures_of_two_students_at_every_look() -> None:
    recorded = page.curves("10pct")
    assert set(recorded) <= set(GENERATORS)
    for steps, measured in recorded.values():
        assert measured.shape == (len(steps), 2, 2)


def test_a_panel_draws_its_own_measure_of_each_student_at_twenty_inputs_a_step() -> None:
    accuracy, log_prob = _panels(CURVES)
    assert [list(line.get_xdata()) for line in accuracy.lines[:4]] == [[20, 200]] * 4
    assert _heights(accuracy) == [[0.1, 0.3], [0.2, 0.4], [0.5, 0.7], [0.6, 0.8]]
    assert _heights(log_prob) == [[-2.0, -1.0], [-3.0, -1.5], [-0.9, -0.7], [-0.8, -0.6]]
    assert [line.get_linestyle() for line in accuracy.lines] == ["-", "--", "-", "--", "-", ":"]
    assert [line.get_ydata()[0] for line in log_prob.lines[4:]] == [-0.05, -0.18]


def test_the_legend_names_the_solid_line_of_each_generator() -> None:
    accuracy, _ = _panels(CURVES)
    legend = accuracy.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["mnist", "noise"]
    for line, color in zip(legend.get_lines(), ("C0", "C1"), strict=True):
        assert same_color(line.get_color(), color)
    assert [line.get_linestyle() for line in legend.get_lines()] == ["-", "-"]


def test_curves_of_runs_that_are_not_there_read_not_run() -> None:
    accuracy, _ = _panels({})
    legend = accuracy.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["not run"]


def _panels(curves: page.Curves) -> list[Axes]:
    page.progress(
        curves,
        levels=[[0.98, 0.94], [-0.05, -0.18]],
        limits=[(0, 1), (-4, 0)],
        loc="lower right",
    )
    return plt.gcf().axes


def _heights(axis: Axes) -> list[list[float]]:
    return [[round(float(y), 6) for y in line.get_ydata()] for line in axis.lines[:4]]
