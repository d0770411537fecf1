"""The two posteriors of `bayes` as compiled log densities of one state, and the slice sampler that
runs on them.

Each kernel is its posterior's `log_density`, constants included. One logarithm is taken for a whole
block of data, of a product of factors between 1 and 3 (mixture) or 1 and 2 (logistic): blocks are
as long as such a product stays a finite float.
"""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from distillery.models.bayes import LogisticPosterior, MixturePosterior
from distillery.samplers.compiled import CompiledSlice
from distillery.samplers.vectorized import exp, kernel

MIXTURE_BLOCK, LOGISTIC_BLOCK = 512, 1000  # 3^512 and 2^1000 are still floats


def mixture_step(posterior: MixturePosterior, width: float | Tensor = 5.0) -> CompiledSlice:
    """Slice sampling of three unknown means, compiled (thesis, section 3.2.3): `width` is the first
    guess of how wide a slice is.
    """
    if posterior.dimension != 3:
        raise ValueError(
            f"posterior has {posterior.dimension} means: the compiled density is written for 3"
            " (Slice takes any number)"
        )
    constants = posterior.weights.log() - 0.5 * (2 * math.pi * posterior.variances).log()
    data = (
        posterior.x.numpy(),
        constants.numpy(),
        (0.5 / posterior.variances).numpy(),
        _prior(posterior.prior_variance, 3),
    )
    return CompiledSlice(mixture_kernel, data, width=width)


def logistic_step(posterior: LogisticPosterior, width: float | Tensor = 10.0) -> CompiledSlice:
    """Slice sampling of the weights of a logistic regression, compiled (thesis, section 3.3.4); two
    weights have a kernel of their own.
    """
    data = (
        np.ascontiguousarray(posterior.signed.T.numpy()),
        _prior(posterior.prior_variance, posterior.dimension),
    )
    return CompiledSlice(
        plane_logistic_kernel if posterior.dimension == 2 else logistic_kernel, data, width=width
    )


@kernel
def mixture_kernel(w, data):  # type: ignore[no-untyped-def]
    """log p(D, m) of three means: each point's likelihood relative to its likeliest component
    (thesis, equations 3.2 and 3.11).
    """
    x, constant, scale, prior = data
    a, b, c = w[0], w[1], w[2]
    total = prior[1] - (a * a + b * b + c * c) * prior[0]
    for block in range(0, len(x), MIXTURE_BLOCK):
        product, linear = 1.0, 0.0
        for n in range(block, min(block + MIXTURE_BLOCK, len(x))):
            p = constant[0] - (x[n] - a) * (x[n] - a) * scale[0]
            q = constant[1] - (x[n] - b) * (x[n] - b) * scale[1]
            r = constant[2] - (x[n] - c) * (x[n] - c) * scale[2]
            low, high = min(p, q), max(p, q)
            middle, high = min(high, r), max(high, r)
            product *= 1 + exp(low - high) + exp(middle - high)
            linear += high
        total += linear + math.log(product)
    return total


@kernel
def plane_logistic_kernel(w, data):  # type: ignore[no-untyped-def]
    """log p(y, w | X) of two weights (thesis, equations 3.16 and 3.41)."""
    signed, prior = data
    total = prior[1] - (w[0] * w[0] + w[1] * w[1]) * prior[0]
    for block in range(0, signed.shape[1], LOGISTIC_BLOCK):
        product, linear = 1.0, 0.0
        for n in range(block, min(block + LOGISTIC_BLOCK, signed.shape[1])):
            logit = w[0] * signed[0, n] + w[1] * signed[1, n]
            product *= 1 + exp(-abs(logit))
            linear += min(logit, 0.0)
        total += linear - math.log(product)
    return total


@kernel
def logistic_kernel(w, data):  # type: ignore[no-untyped-def]
    """log p(y, w | X) of any number of weights."""
    signed, prior = data
    total = prior[1]
    for d in range(len(w)):
        total -= w[d] * w[d] * prior[0]
    for block in range(0, signed.shape[1], LOGISTIC_BLOCK):
        product, linear = 1.0, 0.0
        for n in range(block, min(block + LOGISTIC_BLOCK, signed.shape[1])):
            logit = 0.0
            for d in range(len(w)):
                logit += w[d] * signed[d, n]
            product *= 1 + exp(-abs(logit))
            linear += min(logit, 0.0)
        total += linear - math.log(product)
    return total


def _prior(variance: float, dimension: int) -> np.ndarray:
    """Half the prior's precision, and the logarithm of its height."""
    return np.array([0.5 / variance, -0.5 * dimension * math.log(2 * math.pi * variance)])
