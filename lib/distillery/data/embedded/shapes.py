"""Shapes as signed distances: below zero inside, above zero outside, in the units of the page.

`distance` is asked for a shape by its name, with the numbers that `scene_table` lists beside it.

Ovals, stars' points and wallpaper corners are a little off a true distance, which nobody sees at 32
pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from distillery.data.embedded.chance import FloatArray

Shape = Callable[..., FloatArray]


def distance(name: str, numbers: Sequence[float], u: FloatArray, v: FloatArray) -> FloatArray:
    """How far each point (u, v) lies outside the shape of that name."""
    return SHAPES[name](u, v, *numbers)


def _disc(u: FloatArray, v: FloatArray, x: float, y: float, r: float) -> FloatArray:
    return np.sqrt((u - x) ** 2 + (v - y) ** 2) - r


def _oval(u: FloatArray, v: FloatArray, x: float, y: float, rx: float, ry: float) -> FloatArray:
    return (np.sqrt(((u - x) / rx) ** 2 + ((v - y) / ry) ** 2) - 1) * min(rx, ry)


def _box(u: FloatArray, v: FloatArray, x: float, y: float, w: float, h: float) -> FloatArray:
    return np.maximum(np.abs(u - x) - w, np.abs(v - y) - h)


def _ring(u: FloatArray, v: FloatArray, x: float, y: float, r: float, t: float) -> FloatArray:
    return np.abs(_disc(u, v, x, y, r)) - t


def _line(
    u: FloatArray, v: FloatArray, x: float, y: float, x2: float, y2: float, t: float
) -> FloatArray:
    """A stroke with round ends, t its half width."""
    return np.sqrt(_square_to_segment(u, v, x, y, x2, y2)) - t


def _poly(u: FloatArray, v: FloatArray, *corners: float) -> FloatArray:
    """Any polygon: the distance to the nearest edge, and the side by how often a ray crosses the
    outline.
    """
    xs, ys = corners[::2], corners[1::2]
    nearest, outside = np.full(u.shape, np.inf), np.ones(u.shape, dtype=bool)
    for x, y, x2, y2 in zip(xs, ys, (*xs[1:], xs[0]), (*ys[1:], ys[0]), strict=True):
        nearest = np.minimum(nearest, _square_to_segment(u, v, x, y, x2, y2))
        if y != y2:
            outside ^= ((v < y) != (v < y2)) & (u < x + (v - y) * ((x2 - x) / (y2 - y)))
    return np.where(outside, 1.0, -1.0) * np.sqrt(nearest)


def _star(
    u: FloatArray, v: FloatArray, points: float, r: float, inner: float, x: float, y: float
) -> FloatArray:
    turns = [math.pi * i / points for i in range(2 * int(points))]
    radii = (r, inner) * int(points)
    corners = [
        (round(x + s * math.sin(a), 6), round(y - s * math.cos(a), 6))
        for s, a in zip(radii, turns, strict=True)
    ]
    return _poly(u, v, *(number for corner in corners for number in corner))


def _stripes(u: FloatArray, v: FloatArray, x: float, y: float, period: float) -> FloatArray:
    return _bands(x * u + y * v, period)


def _checks(u: FloatArray, v: FloatArray, period: float) -> FloatArray:
    return _either(_bands(u, 2 * period), _bands(v, 2 * period))


def _harlequin(u: FloatArray, v: FloatArray, period: float) -> FloatArray:
    return _either(
        _bands(0.9 * u + 0.55 * v, period * 1.2), _bands(0.9 * u - 0.55 * v, period * 1.2)
    )


def _grid(u: FloatArray, v: FloatArray, period: float, t: float) -> FloatArray:
    return np.minimum(_to_line(u, period), _to_line(v, period)) - t


def _bricks(u: FloatArray, v: FloatArray, period: float) -> FloatArray:
    odd = np.floor(v / period + 0.5) % 2
    return 0.06 - np.minimum(
        _to_line(u + odd * period, 2 * period), _to_line(v + period / 2, period)
    )


def _dots(u: FloatArray, v: FloatArray, period: float, r: float) -> FloatArray:
    return np.sqrt(_to_line(u, period) ** 2 + _to_line(v, period) ** 2) - r


def _rings(u: FloatArray, v: FloatArray, period: float, x: float, y: float) -> FloatArray:
    return _bands(_disc(u, v, x, y, 0), period)


def _squares(u: FloatArray, v: FloatArray, period: float, x: float, y: float) -> FloatArray:
    return _bands(_box(u, v, x, y, 0, 0), period)


def _diamonds(u: FloatArray, v: FloatArray, period: float, x: float, y: float) -> FloatArray:
    return _bands(np.abs(u - x) + np.abs(v - y), period)


def _chevrons(u: FloatArray, v: FloatArray, period: float) -> FloatArray:
    return _bands(v + 1.4 * _to_line(u, 1.0), period)


def _waves(u: FloatArray, v: FloatArray, period: float) -> FloatArray:
    to_crest = _to_line(u, 1.1)
    return _bands(v + 1.6 * to_crest * to_crest, period)


SHAPES: dict[str, Shape] = {
    "disc": _disc,
    "oval": _oval,
    "box": _box,
    "ring": _ring,
    "line": _line,
    "poly": _poly,
    "star": _star,
    "stripes": _stripes,
    "checks": _checks,
    "harlequin": _harlequin,
    "grid": _grid,
    "bricks": _bricks,
    "dots": _dots,
    "rings": _rings,
    "squares": _squares,
    "diamonds": _diamonds,
    "chevrons": _chevrons,
    "waves": _waves,
}


def _to_line(t: FloatArray, period: float) -> FloatArray:
    """How far t is from the nearest multiple of the period."""
    return np.abs(t - period * np.floor(t / period + 0.5))


def _bands(t: FloatArray, period: float) -> FloatArray:
    """Half of each period inside, half outside."""
    return _to_line(t, period) - period / 4


def _either(a: FloatArray, b: FloatArray) -> FloatArray:
    """Inside exactly one of the two."""
    return np.maximum(np.minimum(a, b), -np.maximum(a, b))


def _square_to_segment(
    u: FloatArray, v: FloatArray, x: float, y: float, x2: float, y2: float
) -> FloatArray:
    dx, dy = x2 - x, y2 - y
    along = np.clip(((u - x) * dx + (v - y) * dy) / (dx * dx + dy * dy), 0, 1)
    return (u - x - along * dx) ** 2 + (v - y - along * dy) ** 2
