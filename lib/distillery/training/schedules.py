"""Schedules: functions from a step to a multiplier of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[int], float]


def linear_to_zero(steps: int) -> Schedule:
    """From 1 at the first step down a straight line that reaches 0 after the last (thesis, sections
    3.2.3 and 3.3.4).
    """
    return lambda step: max(0.0, 1.0 - step / steps)


def one_cycle(
    steps: int, *, warm_up: float = 0.3, start: float = 0.04, end: float = 1e-4
) -> Schedule:
    """Up from `start` to 1 during the first `warm_up` share of the steps, then down to `end`, both
    along a cosine (Smith, 2018).
    """
    top = max(1, round(warm_up * steps))

    def multiplier(step: int) -> float:
        if step < top:
            return _cosine(start, 1.0, step / top)
        return _cosine(1.0, end, min(1.0, (step - top) / max(1, steps - top)))

    return multiplier


def milestones(at: tuple[int, ...], *, factor: float = 0.2) -> Schedule:
    """Times `factor` at each of the steps in `at`."""
    return lambda step: factor ** sum(step >= mark for mark in at)


def _cosine(first: float, last: float, share: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2
