"""log Z between two Kullback-Leibler divergences (thesis, equations 4.45 and 4.48)."""

from __future__ import annotations

from torch import Tensor

from distillery.partition.estimate import Estimate, check_ratios, mean_estimate


def upper_bound(at_target: Tensor) -> Estimate:
    """The mean of log p̄ - log q where p has its mass: log Z + KL(p || q).

    Chains that have not mixed make it approximate.
    """
    return _mean(
        "at_target",
        at_target,
        "the proposal gives probability zero to {} of {} of the target's draws: the bound is"
        " infinite",
    )


def lower_bound(at_proposal: Tensor) -> Estimate:
    """The mean of log p̄ - log q where q has its mass: log Z - KL(q || p)."""
    return _mean(
        "at_proposal",
        at_proposal,
        "the target gives probability zero to {} of {} of the proposal's draws: the bound is"
        " infinite",
    )


def _mean(name: str, ratios: Tensor, message: str) -> Estimate:
    ratios = check_ratios(name, ratios)
    infinite = ratios.isinf()
    if bool(infinite.any()):
        value = ratios[infinite][0].item()
        return Estimate(
            value,
            float("inf"),
            0.0,
            (value, value),
            (message.format(int(infinite.sum()), len(ratios)),),
        )
    return mean_estimate(ratios)
