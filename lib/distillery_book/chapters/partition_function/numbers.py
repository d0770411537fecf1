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
    metrics: dict[str, float] = {}
    for kind, estimate in estimates.items():
        name = f"{kind}_{of}" if of else kind
        low, high = estimate.interval
        metrics[name] = estimate.value
        metrics[f"{name}_se"] = estimate.error
        metrics[f"{name}_low"] = low
        metrics[f"{name}_high"] = high
        metrics[f"{name}_effective"] = estimate.effective_samples
        metrics[f"{name}_warnings"] = len(estimate.warnings)
    return {name: value for name, value in metrics.items() if math.isfinite(value)}
