"""An estimate of log Z as the metrics of a record."""

from __future__ import annotations

import math
from collections.abc import Mapping

from distillery.partition import Estimate


def numbers(estimates: Mapping[str, Estimate], *, of: str = "") -> dict[str, float]:
    """`name_of` and its `_se`, the `_low` and `_high` ends at three of them, `_effective` samples
    and the number of `_warnings`.

    An end that does not exist, as the lower one of an estimate that may be zero, is left out.
    """
    found: dict[str, float] = {}
    for kind, estimate in estimates.items():
        name, (low, high) = f"{kind}_{of}" if of else kind, estimate.interval
        found |= {
            name: estimate.value,
            f"{name}_se": estimate.error,
            f"{name}_low": low,
            f"{name}_high": high,
        }
        found |= {
            f"{name}_effective": estimate.effective_samples,
            f"{name}_warnings": len(estimate.warnings),
        }
    return {name: value for name, value in found.items() if math.isfinite(value)}
