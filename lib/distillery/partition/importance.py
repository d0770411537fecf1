"""log Z from weighted draws of one side: of the proposal, or of the target."""

from __future__ import annotations

import math
from dataclasses import replace

from torch import Tensor

from distillery.partition.estimate import Estimate, check_ratios, log_mean_estimate

_UNSEEN = 0.05  # draws of the proposal itself would exceed them all once in as many


def importance(at_proposal: Tensor, at_target: Tensor | None = None) -> Estimate:
    """log of the mean of p̄ / q over draws from q (thesis, equation 4.52), never above log Z on
    average.

    What the proposal does not reach it cannot miss by itself: a few of the target's own draws,
    `at_target`, reveal it.
    """
    estimate = log_mean_estimate(check_ratios("at_proposal", at_proposal))
    if at_target is None:
        return estimate
    return replace(
        estimate,
        warnings=estimate.warnings
        + _missed(check_ratios("at_proposal", at_proposal), check_ratios("at_target", at_target)),
    )


def reverse_importance(at_target: Tensor) -> Estimate:
    """Minus log of the mean of q / p̄ over draws from p, never below log Z on average: annealing
    read backwards.
    """
    inverse = log_mean_estimate(-check_ratios("at_target", at_target))
    low, high = inverse.interval
    return replace(inverse, value=-inverse.value, interval=(-high, -low))


def _missed(at_proposal: Tensor, at_target: Tensor) -> tuple[str, ...]:
    """The target's draws whose weights exceed all of the proposal's lie where it does not go."""
    zero, share = (
        int((at_target == math.inf).sum()),
        (at_target > at_proposal.max()).double().mean().item(),
    )
    if zero:
        return (
            (
                f"the proposal gives probability zero to {zero} of {len(at_target)} of the target's"
                " draws: their share of Z is missing"
            ),
        )
    if share > _UNSEEN:
        return (
            (
                f"{share:.0%} of the target's draws have weights above any that the proposal drew:"
                " it misses much of Z, and the value is probably too small"
            ),
        )
    return ()
