"""Filling polygons: the ink of a pixel is the share of its points that the outline winds around."""

from __future__ import annotations

import numpy as np

from distillery.data.embedded.raster import covered


def closed(*polygons: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    after, start = [], 0
    for polygon in polygons:
        after += [*range(start + 1, start + len(polygon)), start]
        start += len(polygon)
    return np.array(
        [[corner for polygon in polygons for corner in polygon]], dtype=float
    ), np.array(after)


SQUARE = [(2.0, 2.0), (6.0, 2.0), (6.0, 6.0), (2.0, 6.0)]


def test_a_square_on_pixel_borders_fills_its_pixels_and_no_other() -> None:
    page = covered(*closed(SQUARE), 8)[0]
    assert (page[2:6, 2:6] == 255).all()
    assert page.astype(int).sum() == 16 * 255


def test_half_a_pixel_is_about_half_inked() -> None:
    page = covered(*closed([(2.0, 2.0), (2.4, 2.0), (2.4, 3.0), (2.0, 3.0)]), 8)[0]
    assert page[2, 2] == 102  # two fifths of its points


def test_a_contour_that_runs_the_other_way_cuts_a_hole_and_one_that_runs_the_same_way_does_not() -> (
    None
):
    inner = [(3.0, 3.0), (5.0, 3.0), (5.0, 5.0), (3.0, 5.0)]
    assert not covered(*closed(SQUARE, inner[::-1]), 8)[0][3:5, 3:5].any()
    assert (covered(*closed(SQUARE, inner), 8)[0][3:5, 3:5] == 255).all()


def test_the_area_of_a_disc_is_pi_r_squared_within_its_rim() -> None:
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    corners = np.stack([14 + 9 * np.cos(angle), 14 + 9 * np.sin(angle)], axis=1)[None]
    area = covered(corners, np.roll(np.arange(200), -1), 28).sum() / 255
    assert abs(area - np.pi * 81) < 0.01 * np.pi * 81


def test_what_lies_beyond_the_page_is_cut_off_and_does_not_come_back_on_the_other_side() -> None:
    page = covered(*closed([(6.0, 2.0), (20.0, 2.0), (20.0, 30.0), (6.0, 30.0)]), 8)[0]
    assert (page[2:, 6:] == 255).all()
    assert page.astype(int).sum() == 12 * 255
    assert (
        covered(*closed([(-9.0, -9.0), (2.0, -9.0), (2.0, 1.0), (-9.0, 1.0)]), 8)[0][0, :2] == 255
    ).all()


def test_pages_do_not_touch_each_other() -> None:
    corners, after = closed(SQUARE)
    both = covered(np.concatenate([corners, corners + 1]), after, 8)
    assert np.array_equal(both[0], covered(corners, after, 8)[0])
    assert np.array_equal(both[1], covered(corners + 1, after, 8)[0])
