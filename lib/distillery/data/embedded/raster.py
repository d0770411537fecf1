"""Polygons to pixels: a point is inside where the outline winds around it, and a pixel's ink is the
share of its 25 points inside.

The points lie on a grid of five by five a pixel; a scan line collects +1 and -1 where edges cross
it, and running sums are the winding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distillery.data.embedded.chance import FloatArray

FINE = 5


def covered(corners: FloatArray, after: NDArray[np.intp], side: int) -> NDArray[np.uint8]:
    """Filled outlines, one a page, (pages, side, side): corners (pages, P, 2) are pixels as (x, y),
    and `after[p]` follows corner p.
    """
    pages, size = len(corners), side * FINE
    page, row, column, way = _crossings(corners * FINE, after, size)
    cells = (page * size + row) * (size + 1) + column
    steps = np.bincount(cells, weights=way, minlength=pages * size * (size + 1)).astype(np.int8)
    inside = np.cumsum(steps.reshape(pages, size, size + 1)[..., :size], axis=2, dtype=np.int8) != 0
    points = inside.reshape(pages, side, FINE, side, FINE).sum(axis=(2, 4), dtype=np.int64)
    return ((510 * points + FINE**2) // (2 * FINE**2)).astype(np.uint8)


def _crossings(
    corners: FloatArray, after: NDArray[np.intp], size: int
) -> tuple[NDArray[np.int64], ...]:
    """Every crossing of an edge with the middle of a fine row: its page, row, first column to the
    right of it, and +1 or -1.
    """
    start, end = corners.reshape(-1, 2), corners[:, after].reshape(-1, 2)
    first, last = (
        np.clip(np.ceil(y - 0.5), 0, size).astype(np.int64) for y in (start[:, 1], end[:, 1])
    )
    many = np.abs(last - first)
    edge = np.repeat(np.arange(len(start)), many)
    row = (
        np.arange(len(edge))
        - np.repeat(np.cumsum(many) - many, many)
        + np.minimum(first, last)[edge]
    )
    slope = (end[edge, 0] - start[edge, 0]) / (end[edge, 1] - start[edge, 1])
    x = start[edge, 0] + (row + 0.5 - start[edge, 1]) * slope
    column = np.clip(np.ceil(x - 0.5), 0, size).astype(np.int64)
    return edge // corners.shape[1], row, column, np.sign(last - first)[edge]
