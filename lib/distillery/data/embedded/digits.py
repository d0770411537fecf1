"""Handwritten digits without a download: scikit-learn's 8x8 `digits`, enlarged to 28x28, in the
form of `mnist.npz`.

The first 1,000 digits become 4,000 training images (as they are, and three times slightly turned,
slanted, shifted and stretched); the other 797, by other hands, are the test images. All arithmetic
is elementwise on doubles, so the bytes are the same everywhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distillery.data.embedded.chance import FloatArray, order, spread, uniform
from distillery.support.extras import extra

TRAIN, COPIES, SIDE, INK_BOX = 1000, 4, 28, 21.0
_SEED, _MARGIN, _AT_ONCE = 2017, 6, 100  # a hundred at once fit a processor's cache


def arrays() -> dict[str, NDArray]:
    """The arrays of `mnist.npz`: light ink on black, anti-aliased, 4,000 training and 797 test
    images.
    """
    source, labels = _source()
    copied = np.repeat(source[:TRAIN], COPIES, axis=0)
    jitter = spread(_SEED, len(copied), 6)
    jitter[::COPIES] = 0  # one copy in four is the digit as it was written
    shuffled = order(_SEED + 1, len(copied))
    still = np.zeros((len(source) - TRAIN, 6))
    return {
        "x_train": enlarge(copied, jitter)[shuffled],
        "y_train": np.repeat(labels[:TRAIN], COPIES)[shuffled],
        "x_test": enlarge(source[TRAIN:], still),
        "y_test": labels[TRAIN:],
    }


def binarized() -> dict[str, NDArray]:
    """The arrays of `mnist_binarized.npz`: each pixel once and for all 1 with the probability that
    its ink stands for.
    """
    grey = arrays()
    return {
        name: _coins(grey[name], seed=_SEED + 2 + i) for i, name in enumerate(("x_train", "x_test"))
    }


def enlarge(source: FloatArray, jitter: FloatArray) -> NDArray[np.uint8]:
    """Each 8x8 image read off a smooth cubic surface on a 28x28 grid, the grid bent by its six
    numbers in [-1, 1], edges made crisp.
    """
    parts = range(0, len(source), _AT_ONCE)
    return np.concatenate(
        [_enlarged(source[i : i + _AT_ONCE], jitter[i : i + _AT_ONCE]) for i in parts]
    )


def _enlarged(source: FloatArray, jitter: FloatArray) -> NDArray[np.uint8]:
    rows, columns = _grid(jitter)
    top, left = np.floor(rows), np.floor(columns)
    down, across = _cubic(rows - top), _cubic(columns - left)
    margin = np.pad(_even(source), ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)))
    width = margin.shape[1]
    corner = ((top + _MARGIN - 1) * width + left + _MARGIN - 1).astype(np.int64) + np.arange(
        len(source)
    )[:, None, None] * width * width
    ink = sum(
        down[i] * sum(across[j] * margin.take(corner + (i * width + j)) for j in range(4))
        for i in range(4)
    )
    return _crisp(ink)


def _source() -> tuple[FloatArray, NDArray[np.uint8]]:
    with extra("stand-ins", "the stand-in for MNIST"):
        from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.images / 16.0, digits.target.astype(np.uint8)


def _grid(jitter: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where each of the 28x28 pixels lies in its 8x8 image: rows and columns, (N, 28, 28)."""
    turn, slant, taller, wider, fall, drift = (jitter[:, i, None, None] for i in range(6))
    line = (np.arange(SIDE) - (SIDE - 1) / 2) * (8 / INK_BOX)
    y, x = line[:, None] + 0.35 * fall, line[None, :] + 0.35 * drift
    turn, slant = 0.14 * turn, 0.12 * slant
    return 3.5 + (1 + 0.09 * taller) * (y - turn * x), 3.5 + (0.9 + 0.09 * wider) * (
        x + (turn + slant) * y
    )


def _cubic(t: FloatArray) -> tuple[FloatArray, ...]:
    """Weights of the four neighbours at offset t: half Catmull-Rom, which is sharp, half B-spline,
    which does not ring.
    """
    s = 1 - t
    sharp = (
        -t * s * s / 2,
        (2 - t * t * (5 - 3 * t)) / 2,
        (2 - s * s * (5 - 3 * s)) / 2,
        -s * t * t / 2,
    )
    smooth = (
        s * s * s / 6,
        (4 - t * t * (6 - 3 * t)) / 6,
        (4 - s * s * (6 - 3 * s)) / 6,
        t * t * t / 6,
    )
    return tuple((a + b) / 2 for a, b in zip(sharp, smooth, strict=True))


def _even(source: FloatArray) -> FloatArray:
    """Faint strokes inked as well as bold ones: each cell relative to the darkest of its 3x3
    neighbourhood.
    """
    around = np.pad(source, ((0, 0), (1, 1), (1, 1)))
    darkest = np.max([around[:, i : i + 8, j : j + 8] for i in range(3) for j in range(3)], axis=0)
    return source / (0.3 + 0.7 * darkest)


def _crisp(ink: FloatArray) -> NDArray[np.uint8]:
    """A pen has edges: little ink is paper, much ink is full, and between them lies one smooth
    pixel.
    """
    step = np.clip((ink - 0.35) / 0.42, 0, 1)
    return np.floor(255 * step * step * (3 - 2 * step) + 0.5).astype(np.uint8)


def _coins(grey: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    return (uniform(seed, *grey.shape) * 255 < grey).astype(np.uint8)
