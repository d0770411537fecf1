"""Pictures from layers: shapes are signed distances, and every image has luck of its own."""

from __future__ import annotations

import numpy as np
import pytest

from distillery.data.embedded import painting, shapes
from distillery.data.embedded.chance import spread
from distillery.data.embedded.scene_table import SCENES

POINTS = spread(0, 2, 4000)
EXACT = {
    "disc": (0.1, -0.2, 0.5), "ring": (0.1, -0.2, 0.5, 0.1), "line": (-0.5, 0.1, 0.4, 0.3, 0.1),
    "poly": (0, -0.8, 0.7, -0.2, 0.1, 0.0, 0.4, 0.6, -0.4, 0.6), "star": (5, 0.8, 0.3, 0.1, 0.0), "dots": (0.6, 0.2),
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_a_distance_grows_by_as_much_as_one_walks_and_no_more(name: str) -> None:
    step = 1e-6
    u, v = POINTS
    here, right, down = (
        shapes.distance(name, EXACT[name], u + a, v + b) for a, b in ((0, 0), (step, 0), (0, step))
    )
    slope = np.sqrt((right - here) ** 2 + (down - here) ** 2) / step
    assert np.median(np.abs(slope - 1)) < 1e-3
    assert np.quantile(slope, 0.99) < 1.001


def test_a_polygon_is_negative_inside_and_positive_outside_whichever_way_it_runs() -> None:
    u, v = POINTS
    square = (-0.5, -0.4, 0.5, -0.4, 0.5, 0.4, -0.5, 0.4)
    inside = (np.abs(u) < 0.5) & (np.abs(v) < 0.4)
    turned = [
        number
        for x, y in list(zip(square[::2], square[1::2], strict=True))[::-1]
        for number in (x, y)
    ]
    assert np.array_equal(shapes.distance("poly", square, u, v) < 0, inside)
    assert np.array_equal(shapes.distance("poly", turned, u, v) < 0, inside)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("stripes", (1, 0, 0.5)),
        ("checks", (0.4,)),
        ("rings", (0.4, 0, 0)),
        ("diamonds", (0.5, 0, 0)),
    ],
)
def test_a_wallpaper_covers_half_of_the_page(name: str, numbers: tuple[float, ...]) -> None:
    u, v = spread(1, 2, 40_000)
    assert abs((shapes.distance(name, numbers, u, v) < 0).mean() - 0.5) < 0.12


def test_every_picture_of_the_table_uses_shapes_colours_and_scenes_that_exist() -> None:
    assert len(SCENES) == 20
    for (_, scene), pictures in SCENES.items():
        assert scene == "any" or scene in painting.PAGES
        assert len(pictures) == 5
        for layers in pictures.values():
            for name, _, colour in painting._parsed(layers):
                assert name in shapes.SHAPES
                assert colour in {*painting.PALETTE, "A", "B", "_"}
    names = [name for pictures in SCENES.values() for name in pictures]
    assert len(set(names)) == 100


def test_the_same_seed_paints_the_same_images_and_each_image_differs() -> None:
    first, again, other = (
        painting.paint("disc 0 0 .5 A", "any", 5, seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert len({image.tobytes() for image in (*first, *other)}) == 10


def test_a_layer_changes_the_page_where_its_shape_is_and_nowhere_else() -> None:
    bare, painted = (
        painting.paint(f"disc 0 0 {r} k", "room", 20, seed=5).astype(int) for r in (-9, 0.3)
    )
    changed = (bare != painted).any(axis=3)
    share = changed.mean(axis=(1, 2))
    assert (changed.any(axis=(1, 2))).all()
    assert (share < 0.25).all()
    assert not changed[:, [0, -1]].any()
