"""The small quadratic programme of gradient episodic memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Matrix = NDArray[np.float64]
_RANK = 1e-10  # of the largest eigenvalue: what lies below is rounding


def multipliers(products: Matrix, slopes: Matrix, margin: float = 0.0) -> Matrix:
    """v at the minimum of v'Qv / 2 + q'v over all v that are at least `margin`, Q being the k x k
    `products` of reference gradients and q their k `slopes` with the gradient.

    So g + G'v is the nearest to g that has no negative product with any row of G (Lopez-Paz and
    Ranzato, 2017, equation 11), and leans on the rows by the margin besides. It is a least-squares
    problem with v not negative, which an active-set method solves exactly.
    """
    shifted = slopes + margin * products.sum(1)
    values, vectors = np.linalg.eigh(products)
    kept = values > _RANK * max(values.max(), 0.0)
    if not kept.any():
        return np.full(len(slopes), margin)
    roots = np.sqrt(values[kept])
    matrix = roots[:, None] * vectors[:, kept].T
    target = -(vectors[:, kept].T @ shifted) / roots
    return nnls(matrix, target)[0] + margin
