"""Pictures from layers: a shape is a signed distance, and its colour is mixed in by how much of a
pixel it covers.

Each image of a picture is painted with luck of its own: page, colours, place, size, turn, light, a
twig or post in front, grain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distillery.data.embedded import shapes
from distillery.data.embedded.chance import FloatArray, spread, uniform

SIDE = 32
PALETTE = {
    "r": (212, 52, 48), "o": (240, 140, 44), "y": (248, 206, 66),
    "l": (160, 204, 84), "g": (74, 156, 74), "d": (30, 92, 62),
    "t": (44, 166, 160), "c": (140, 200, 238), "b": (58, 104, 206),
    "v": (130, 84, 188), "p": (240, 138, 176), "n": (128, 84, 52),
    "e": (226, 200, 156), "s": (150, 154, 164), "w": (244, 244, 238), "k": (38, 38, 46),
}  # fmt: skip
# The colours above, below and of the ground.
PAGES = {
    "sky": "bwg",
    "meadow": "ldg",
    "sea": "cwb",
    "deep": "tbb",
    "dusk": "vod",
    "room": "esn",
    "air": "bcs",
}


def paint(layers: str, scene: str, n: int, *, seed: int) -> NDArray[np.uint8]:
    """n images of one picture, (n, 32, 32, 3)."""
    luck = spread(seed, n, 40)
    colours = _colours(luck, seed)
    across, down = np.broadcast_arrays(*_grid())
    page = _page(scene, luck, colours, across, down)
    u, v, size = _placed(across, down, luck, free=scene == "any")
    canvas = page
    for shape, numbers, colour in _parsed(layers):
        inside = shapes.distance(shape, numbers, u, v)
        ink = page if colour == "_" else colours[colour] * _light(inside, u, v)
        canvas = canvas + _cover(inside * size) * (ink - canvas)
    return _developed(_veiled(canvas, luck, colours, across, down), luck, seed)


def _parsed(layers: str) -> list[tuple[str, list[float], str]]:
    words = [layer.split() for layer in layers.split(";")]
    return [
        (first, [float(number) for number in numbers], colour) for first, *numbers, colour in words
    ]


def _grid() -> tuple[FloatArray, FloatArray]:
    line = (np.arange(SIDE, dtype=np.float64) + 0.5) * (2 / SIDE) - 1
    return line[None, None, :], line[None, :, None]


def _colours(luck: FloatArray, seed: int) -> dict[str, FloatArray]:
    """Each colour as every image has it, (n, 1, 1, 3) in [0, 1]: the palette's, a little off, and
    the free pair A and B.
    """
    off = spread(seed + 400_000, len(luck), len(PALETTE), 3)
    mixed = {
        name: np.clip(np.array(rgb) / 255 * (1 + 0.22 * off[:, i, :1]) + 0.09 * off[:, i], 0, 1)
        for i, (name, rgb) in enumerate(PALETTE.items())
    }
    mixed["A"] = _hue(luck[:, 0], 0.65 + 0.25 * luck[:, 1], 0.8 + 0.15 * luck[:, 2])
    mixed["B"] = _hue(
        luck[:, 0] + 0.8 + 0.3 * luck[:, 3], 0.65 + 0.25 * luck[:, 4], 0.8 + 0.15 * luck[:, 5]
    )
    return {name: rgb[:, None, None] for name, rgb in mixed.items()}


def _hue(hue: FloatArray, strength: FloatArray, value: FloatArray) -> FloatArray:
    """Red, green and blue of a hue in turns of [-1, 1), its saturation and its value."""
    wheel = (hue[:, None] / 2 + np.array([0, 2 / 3, 1 / 3])) % 1
    pure = np.clip(np.abs(6 * wheel - 3) - 1, 0, 1)
    return value[:, None] * (1 - strength[:, None] * (1 - pure))


def _page(
    scene: str,
    luck: FloatArray,
    colours: dict[str, FloatArray],
    across: FloatArray,
    down: FloatArray,
) -> FloatArray:
    """What the picture is painted on: for "any" a quiet colour, dark or light; else a place, its
    ground a little higher or lower.
    """
    drift = (
        0.5 + 0.35 * down + 0.2 * luck[:, 6, None, None] * across + 0.15 * luck[:, 7, None, None]
    )[..., None]
    if scene == "any":
        value = np.where(luck[:, 8] < 0, 0.3 + 0.12 * luck[:, 9], 0.85 + 0.12 * luck[:, 9])
        above, below = (
            _hue(luck[:, 10 + i], 0.25 + 0.2 * luck[:, 12 + i], value)[:, None, None]
            for i in range(2)
        )
        return above + np.clip(drift, 0, 1) * (below - above)
    above, below, ground = (colours[name] for name in PAGES[scene])
    air = above + np.clip(drift, 0, 1) * (below - above)
    horizon = _horizon(luck, across)
    return air + _cover(horizon - down) * (ground * (1 - 0.2 * down[..., None]) - air)


def _horizon(luck: FloatArray, across: FloatArray) -> FloatArray:
    bow, tilt = luck[:, 9, None, None], luck[:, 10, None, None]
    return 0.62 + 0.2 * luck[:, 8, None, None] + 0.12 * bow * across * across + 0.1 * tilt * across


def _placed(
    across: FloatArray, down: FloatArray, luck: FloatArray, *, free: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The page's points in the picture's own measure, and how large the picture is.

    What stands in a place may look either way.
    """
    right, fall, larger, turn, stretch, lean = (luck[:, i, None, None] for i in range(14, 20))
    size = 0.82 + 0.2 * larger
    turn = (0.26 if free else 0.13) * turn
    x, y = (across - 0.26 * right) / size, (down - 0.24 * fall) / size
    u, v = (1 + 0.14 * stretch) * (x - turn * y), y + turn * x + 0.1 * lean * x
    facing = 1.0 if free else np.where(luck[:, 20, None, None] < 0, -1.0, 1.0)
    return facing * u, v, size


def _light(inside: FloatArray, u: FloatArray, v: FloatArray) -> FloatArray:
    """Brighter to the upper left, and a darker rim."""
    return ((1 - 0.14 * (u + v)) * (0.72 + 0.28 * np.clip(-inside * 9, 0, 1)))[..., None]


def _cover(inside: FloatArray) -> FloatArray:
    """The share of a pixel that lies inside, from the distance of its middle in pages."""
    return np.clip(0.5 - inside * (SIDE / 2), 0, 1)[..., None]


def _veiled(
    canvas: FloatArray,
    luck: FloatArray,
    colours: dict[str, FloatArray],
    across: FloatArray,
    down: FloatArray,
) -> FloatArray:
    """A twig across some of the images, and a berry on others."""
    x, y, lean, size, chance = (luck[:, i, None, None] for i in range(21, 26))
    thick = np.where(chance < -0.4, 0.07 + 0.04 * size, -9)
    twig = np.abs(across - 0.8 * x + 0.5 * lean * (down - y)) - thick
    round_ = np.where(chance > 0.3, 0.2 + 0.08 * size, -9)
    berry = np.sqrt((across - 0.9 * y) ** 2 + (down - 0.9 * lean) ** 2) - round_
    veil = colours["d"]
    fruit = _hue(luck[:, 26], 0.6 + 0.3 * luck[:, 27], 0.75 + 0.2 * luck[:, 28])[:, None, None]
    canvas = canvas + _cover(twig) * (veil - canvas)
    return canvas + _cover(berry) * (fruit - canvas)


def _developed(canvas: FloatArray, luck: FloatArray, seed: int) -> NDArray[np.uint8]:
    """Exposure, contrast, a tint and grain, then bytes."""
    contrast = 0.85 + 0.15 * luck[:, 29, None, None, None]
    exposure = 0.06 * luck[:, 30, None, None, None]
    tint = 0.05 * luck[:, None, None, 31:34]
    grain = 0.05 * (uniform(seed + 800_000, *canvas.shape[:3], 1) - 0.5)
    seen = 0.5 + contrast * (canvas - 0.5) + exposure + tint + grain
    return np.floor(255 * np.clip(seen, 0, 1) + 0.5).astype(np.uint8)
