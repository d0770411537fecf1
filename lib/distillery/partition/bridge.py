"""log Z from draws of both sides, met half way (Meng and Wong, 1996; thesis, equations 4.53 and
4.54).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from distillery.partition.estimate import FEWEST, Estimate, check_ratios, log_interval

_MOST_ITERATIONS, _TOLERANCE = 10_000, 1e-10


def bridge(
    at_proposal: Tensor,
    at_target: Tensor,
    *,
    iterations: int | None = None,
    start: float | None = None,
) -> Estimate:
    """The fixed point of Z = (mean over q of p̄ / m) / (mean over p of q / m), m = s p̄ + (1 - s) Z
    q, s the share of draws from p.

    `iterations` stops after as many (the thesis: 10, from `start` = 0, log 1); by default it runs
    until it stands still, from the middle.
    """
    lower, upper = check_ratios("at_proposal", at_proposal), check_ratios("at_target", at_target)
    if iterations is not None and (
        isinstance(iterations, bool) or not isinstance(iterations, int) or iterations < 1
    ):
        raise ValueError(
            f"iterations is {iterations!r}: a whole number of at least 1, or None, is needed"
        )
    log_z = float(torch.cat([lower, upper]).median()) if start is None else start
    moved = math.inf
    for _ in range(iterations or _MOST_ITERATIONS):
        before, log_z = log_z, _next(log_z, lower, upper)
        moved = abs(log_z - before)
        if iterations is None and not moved > _TOLERANCE:
            break
    return _estimate(log_z, lower, upper, moved)


def _log_terms(log_z: float, at_proposal: Tensor, at_target: Tensor) -> tuple[Tensor, Tensor]:
    """log of p̄ / (s p̄ + (1 - s) Z q) at q's draws, and of Z q / (s p̄ + (1 - s) Z q) at p's."""
    log_odds = math.log(len(at_target) / len(at_proposal))  # of s
    log_s = -F.softplus(torch.tensor(-log_odds, dtype=torch.float64))
    log_rest = -F.softplus(torch.tensor(log_odds, dtype=torch.float64))
    return (
        -F.softplus(log_z - at_proposal - log_odds) - log_s,
        -F.softplus(at_target - log_z + log_odds) - log_rest,
    )


def _next(log_z: float, at_proposal: Tensor, at_target: Tensor) -> float:
    over_q, over_p = _log_terms(log_z, at_proposal, at_target)
    moved = (over_q.logsumexp(0) - math.log(len(over_q))) - (
        over_p.logsumexp(0) - math.log(len(over_p))
    )
    return log_z + moved.item()


def _estimate(log_z: float, at_proposal: Tensor, at_target: Tensor, moved: float) -> Estimate:
    terms = [term.exp() for term in _log_terms(log_z, at_proposal, at_target)]
    variance = sum((term.var() / len(term) / term.mean().square()).item() for term in terms)
    effective = min((term.sum().square() / term.square().sum()).item() for term in terms)
    error = math.sqrt(variance)
    doubts = []
    if not effective >= min(FEWEST, min(map(len, terms)) / 2):
        doubts.append(
            f"only {effective:.1f} samples lie where both sides have mass: they hardly overlap"
        )
    if not moved <= 0.1 * error:
        doubts.append(f"the last iteration still moved log Z by {moved:.2g}: use more iterations")
    if bool((at_target == math.inf).any()):
        doubts.append(
            f"the proposal gives probability zero to {int((at_target == math.inf).sum())} of"
            f" {len(at_target)} of the target's draws"
        )
    return Estimate(log_z, error, effective, log_interval(log_z, error), tuple(doubts))
