"""Tables for the entropy coder: whole numbers, one for each symbol, that sum to 2^16, from
probabilities, scores or counts.

Coder and decoder need the same tables, to the last unit. From whole numbers they are the same on
every machine; from floats wherever the floats are.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

import numpy as np

from distillery.storage.packing import check_values

PRECISION = 16
TOTAL = 1 << PRECISION
_FINEST = 8  # binary digits of a score after the point


def frequencies(probs: np.ndarray) -> np.ndarray:
    """Tables (…, l) that follow probabilities: each at least 1, so that every symbol can be coded,
    summing to 2^16.
    """
    p = np.asarray(probs, dtype=np.float64)
    if not (np.isfinite(p).all() and (p >= 0).all() and (p.sum(-1) > 0).all()):
        raise ValueError("probs must be finite and not negative, and not all of them 0")
    return counted_frequencies(np.rint(p / p.max(-1, keepdims=True) * 2**31).astype(np.int64))


def scored_frequencies(scores: np.ndarray) -> np.ndarray:
    """Tables from log2 probabilities in whole 256ths of a bit, up to a constant: what a network of
    whole numbers puts out.

    Such a network may compute in float64: sums of whole numbers below 2^53 are exact in any order,
    so that every machine finds the same.
    """
    scores = np.asarray(scores)
    if scores.dtype.kind not in "iu":
        raise TypeError(f"scores are {scores.dtype}: whole numbers, 256 to a bit, are needed")
    below = scores.max(-1, keepdims=True).astype(np.int64) - scores.astype(np.int64)
    return counted_frequencies(
        _powers()[below & (2**_FINEST - 1)] >> np.minimum(below >> _FINEST, 62)
    )


def counted_frequencies(counts: np.ndarray) -> np.ndarray:
    """Tables from counts (…, l), whole numbers: shares of 2^16 rounded down and one more each; the
    commonest symbol takes what is left.
    """
    counts = np.asarray(counts)
    check_values(counts.shape[-1])
    if (
        counts.dtype.kind not in "iu"
        or (counts < 0).any()
        or (counts.sum(-1) < 1).any()
        or counts.max(initial=0) > 2**46
    ):
        raise ValueError(
            "counts must be whole numbers, not negative, not all of them 0, and 2^46 at most"
        )
    total = counts.sum(-1, keepdims=True)
    shares = counts * (TOTAL - counts.shape[-1]) // total + 1
    most = counts.argmax(-1)[..., None]
    np.put_along_axis(
        shares,
        most,
        np.take_along_axis(shares, most, -1) + TOTAL - shares.sum(-1, keepdims=True),
        -1,
    )
    return shares


def check_tables(tables: np.ndarray) -> np.ndarray:
    """The tables as int64, if they are tables."""
    tables = np.asarray(tables)
    if (
        tables.dtype.kind not in "iu"
        or tables.ndim not in (1, 2)
        or (tables < 1).any()
        or (tables.sum(-1) != TOTAL).any()
    ):
        raise ValueError(
            f"tables must be whole numbers (l,) or (n, l), each at least 1, that sum to {TOTAL}"
        )
    return tables.astype(np.int64, copy=False)


@lru_cache(maxsize=1)
def _powers() -> np.ndarray:
    """2^(30 - k/256), rounded, for k from 0 to 255: by decimal arithmetic, which is the same
    everywhere.
    """
    exact = [Decimal(2) ** (30 - Decimal(k) / 2**_FINEST) for k in range(2**_FINEST)]
    return np.array([int(power.to_integral_value()) for power in exact], dtype=np.int64)
