from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_hex

from distillery import plots

PAPER = "#fdfdfb"


@pytest.fixture(autouse=True)
def _styled() -> Iterator[None]:
    mpl.use("Agg")
    with plt.style.context(plots.STYLE):
        yield
    plt.close("all")


def test_a_surface_shows_each_value_where_its_point_lies() -> None:
    points = plots.plane(5)
    ax = plots.surface(points[:, 0] + 10 * points[:, 1], label="value")
    shown = ax.images[0].get_array()
    assert shown is not None
    assert shown[0, 0] == pytest.approx(-11)  # lower left
    assert shown[0, -1] == pytest.approx(-9)  # lower right
    assert shown[-1, 0] == pytest.approx(9)  # upper left
    assert ax.images[0].origin == "lower"


def test_the_centre_of_a_pixel_is_its_point() -> None:
    ax = plots.surface(torch.zeros(5, 3), label="value", extent=(0.0, 2.0, 0.0, 8.0))
    left, right, low, high = ax.images[0].get_extent()
    assert (left, right, low, high) == (-0.5, 2.5, -1.0, 9.0)
    assert (ax.get_xlim(), ax.get_ylim()) == ((0.0, 2.0), (0.0, 8.0))


def test_surfaces_stand_in_rows_and_columns_in_the_same_colours() -> None:
    values = {
        (row, column): torch.rand(4, 4, generator=_rng())
        for row in ("values", "slopes")
        for column in ("ring", "square", "wrong")
    }
    grid = plots.surfaces(values, label="answer", limits=(0.0, 1.0))
    assert grid.shape == (2, 3)
    assert {ax.images[0].get_clim() for ax in grid.flat} == {(0.0, 1.0)}
    assert [ax.get_ylabel().split("\n")[0] for ax in grid[:, 0]] == ["values", "slopes"]
    assert [ax.texts[0].get_text() for ax in grid[0]] == ["ring", "square", "wrong"]


def test_a_signed_surface_is_white_at_zero() -> None:
    ax = plots.surface(torch.tensor([[-1.0, 0.0], [0.0, 3.0]]), label="difference", signed=True)
    assert ax.images[0].get_clim() == (-3.0, 3.0)


def test_surfaces_given_the_same_limits_share_their_colours() -> None:
    grids = torch.rand(2, 9, 9, generator=_rng())
    first, second = (plots.surface(grid, label="value", limits=(0.0, 1.0)) for grid in grids)
    assert first.images[0].get_clim() == second.images[0].get_clim() == (0.0, 1.0)


def test_a_surface_has_one_band_in_the_middle_so_that_zero_is_white_when_signed() -> None:
    colours = (
        plots.surface(torch.rand(4, 4, generator=_rng()) - 0.5, label="value", signed=True, bands=3)
        .images[0]
        .cmap
    )
    assert colours.N == 7
    assert min(colours(3)[:3]) > 0.95


def test_a_grid_that_is_not_square_is_refused_with_its_shape() -> None:
    with pytest.raises(ValueError, match=r"values has shape \(7,\)"):
        plots.surface(torch.zeros(7), label="value")


def test_a_band_lies_one_spread_on_either_side() -> None:
    ax = plots.lines({"a": ([1.0, 2.0], [3.0, 5.0], [0.5, 1.0])}, xlabel="x", ylabel="y")
    box = ax.collections[0].get_paths()[0].get_extents()
    assert (box.ymin, box.ymax) == (2.5, 6.0)


def test_a_band_can_be_given_by_its_two_sides() -> None:
    ax = plots.lines(
        {"a": ([1.0, 2.0], [3.0, 5.0], [1.0, 2.0], [9.0, 8.0])}, xlabel="x", ylabel="y"
    )
    box = ax.collections[0].get_paths()[0].get_extents()
    assert (box.ymin, box.ymax) == (1.0, 9.0)


def test_a_training_curve_leaves_step_zero_out_of_a_logarithmic_axis() -> None:
    ax = plots.curves(
        {
            "a": (
                torch.tensor([0, 1, 10]),
                torch.tensor([3.0, 2.0, 1.0]),
                torch.tensor([0.1, 0.2, 0.3]),
            )
        },
        ylabel="loss",
    )
    assert ax.get_xscale() == "log"
    assert np.asarray(ax.lines[0].get_xdata()).tolist() == [1.0, 10.0]


def test_every_label_has_a_row_and_every_kind_a_symbol() -> None:
    frame = pd.DataFrame(
        [
            {"label": label, "kind": kind, "value": 1.0, "low": 0.5, "high": 2.0}
            for label in ("bridge", "AIS")
            for kind in ("recorded", "published")
        ]
    )
    ax = plots.intervals(frame, xlabel="log Z [nats]", reference=1.5)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["bridge", "AIS"]
    dots = [container.lines[0] for container in ax.containers]  # type: ignore[attr-defined]
    assert len({dot.get_marker() for dot in dots}) == 2
    assert dots[1].get_markerfacecolor() == "none"


def test_an_unknown_interval_is_a_dot_alone() -> None:
    frame = pd.DataFrame(
        [{"label": "a", "kind": "here", "value": 1.0, "low": np.nan, "high": np.nan}]
    )
    ax = plots.intervals(frame, xlabel="x")
    (segment,) = ax.collections[0].get_segments()  # type: ignore[attr-defined]
    assert np.ptp(segment[:, 0]) == 0


def test_an_interval_without_an_end_reaches_beyond_all_others() -> None:
    rows = [("a", "here", 1.0, -np.inf, 2.0), ("b", "here", 5.0, 0.0, 10.0)]
    ax = plots.intervals(
        pd.DataFrame(rows, columns=["label", "kind", "value", "low", "high"]), xlabel="nats"
    )
    (open_ended, _), *_ = ax.collections[0].get_segments()
    assert open_ended[0] == pytest.approx(-1.0)
    assert np.isfinite(ax.get_xlim()).all()


def test_a_row_without_a_value_reads_not_run() -> None:
    rows = [
        ("a", "here", 1.0, 0.0, 2.0),
        ("b", "recorded", np.nan, np.nan, np.nan),
        ("b", "published", np.nan, np.nan, np.nan),
    ]
    ax = plots.intervals(
        pd.DataFrame(rows, columns=["label", "kind", "value", "low", "high"]), xlabel="nats"
    )
    assert [(text.get_text(), text.xy) for text in ax.texts] == [("not run", (0.01, 1))]


def test_a_picture_of_nothing_reads_not_run() -> None:
    assert [text.get_text() for text in plots.lines({}, xlabel="x", ylabel="y").texts] == [
        "not run"
    ]
    assert list(plots.lines({"a": ([0.0, 1.0], [0.0, 1.0])}, xlabel="x", ylabel="y").texts) == []


def test_intervals_name_the_column_that_is_missing() -> None:
    with pytest.raises(ValueError, match="frame lacks high, low"):
        plots.intervals(
            pd.DataFrame({"label": ["a"], "kind": ["here"], "value": [1.0]}), xlabel="x"
        )


def test_bars_stand_in_groups() -> None:
    ax = plots.bars(
        {"a": {"data": 1.0, "noise": 2.0}, "b": {"noise": 3.0}},
        ylabel="accuracy [%]",
        errors={"a": {"data": 0.1}},
    )
    assert [text.get_text() for text in ax.get_xticklabels()] == ["data", "noise"]
    assert sorted(patch.get_height() for patch in ax.patches) == [1.0, 2.0, 3.0]  # type: ignore[attr-defined]


def test_images_keep_their_pixels_and_their_places() -> None:
    ax = plots.images(
        torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1).expand(2, 1, 4, 4),
        labels=["black", "white"],
    )
    canvas = np.asarray(ax.images[0].get_array())
    assert canvas.shape == (4, 10, 4)
    assert canvas[0, 0].tolist() == [0, 0, 0, 1]
    assert canvas[0, 4, 3] == 0  # the gap lets the ground through
    assert canvas[0, 6].tolist() == [1, 1, 1, 1]


def test_bytes_and_floats_in_colour_and_grey_share_a_grid() -> None:
    grey, colour = (
        torch.rand(3, 6, 6, generator=_rng()),
        torch.randint(256, (12, 3, 6, 6), generator=_rng()).byte(),
    )
    ax = plots.images([grey, colour], rows=["first", "second"], columns=10)
    assert np.asarray(ax.images[0].get_array()).shape[0] == 3 * 6 + 2 * 2  # one row, then two
    assert [text.get_text() for text in ax.get_yticklabels()] == ["first", "second"]


def test_signed_numbers_are_red_above_zero_blue_below_and_white_at_zero_each_picture_by_its_own_largest() -> (
    None
):
    small = torch.tensor([[[0.0, 1.0], [-1.0, 0.5]]])
    red, green, blue = plots.tinted(torch.cat([small, 100 * small]))[0]
    assert abs(red[0, 0] - blue[0, 0]) < 0.02
    assert red[0, 1] > blue[0, 1]
    assert red[1, 0] < blue[1, 0]
    assert green[0, 0] > 0.9
    tints = plots.tinted(torch.cat([small, 100 * small]))
    assert tints[0].equal(tints[1])
    assert plots.tinted(torch.zeros(1, 2, 2)).isfinite().all()


def test_every_figure_has_an_opaque_ground_and_no_title() -> None:
    ax = plots.points({"a": ([1.0], [2.0], [0.1])}, xlabel="bits", ylabel="L1", xlog=True)
    assert to_hex(ax.figure.get_facecolor()) == to_hex(mpl.rcParams["savefig.facecolor"]) == PAPER
    assert ax.get_title() == ""


def test_the_colours_stand_out_from_the_ground_and_from_each_other_for_every_eye() -> None:
    colours = [_linear(colour) for colour in mpl.rcParams["axes.prop_cycle"].by_key()["color"]]
    ground = _luminance(_linear(PAPER)) + 0.05
    assert min(ground / (_luminance(colour) + 0.05) for colour in colours) > 2.5
    for seen in EYES.values():
        places = [_lab(np.clip(seen @ colour, 0, 1)) for colour in colours]
        nearest = min(
            float(np.linalg.norm(a - b)) for i, a in enumerate(places) for b in places[:i]
        )
        assert nearest > 12  # 2.3 is a just noticeable difference


def test_plots_import_nothing_of_ours_but_what_every_room_may_use() -> None:
    code = (
        "import sys, distillery.plots, distillery.metrics; print([m for m in sys.modules if"
        " m.startswith('distillery.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = set(eval(done.stdout)) - _at_package_import()
    rooms = {".".join(name.split(".")[:2]) for name in ours}
    assert rooms == {"distillery.plots", "distillery.metrics", "distillery.support"}


# Machado, Oliveira and Fernandes (2009): what an eye without one kind of cone sees, on linear RGB.
EYES = {
    "all cones": np.eye(3),
    "no long": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "no medium": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "no short": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def _linear(colour: str) -> np.ndarray:
    c = np.array(mpl.colors.to_rgb(colour if colour.startswith("#") else f"#{colour}"))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def _luminance(linear: np.ndarray) -> float:
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _lab(linear: np.ndarray) -> np.ndarray:
    matrix = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    x = matrix @ linear / [0.9505, 1.0, 1.089]
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def _at_package_import() -> set[str]:
    code = "import sys, distillery; print([m for m in sys.modules if m.startswith('distillery.')])"
    return set(
        eval(
            subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True
            ).stdout
        )
    )


def _rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)
