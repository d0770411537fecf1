"""Chance that falls the same way on every machine and under every version of numpy.

Only the raw 64-bit words of PCG64 are promised to stay as they are, so all numbers are made from
these by exact arithmetic.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def uniform(seed: int, *shape: int) -> FloatArray:
    """Independent uniform numbers in [0, 1); each seed is a stream of its own."""
    words = np.random.PCG64(seed).random_raw(math.prod(shape))
    return ((words >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)


def spread(seed: int, *shape: int) -> FloatArray:
    """Independent uniform numbers in [-1, 1)."""
    return 2 * uniform(seed, *shape) - 1


def order(seed: int, n: int) -> NDArray[np.intp]:
    """A random order of 0, …, n - 1."""
    return np.argsort(np.random.PCG64(seed).random_raw(n), kind="stable")
