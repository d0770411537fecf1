"""Starts for many chains in the proportions of the posterior's modes: chains that have seen the
data a few at a time.

Chains that start anywhere find the modes, but stay in them in the proportions of their starts. Here
they start in the prior, where nothing separates modes yet; as data arrive, chains are copied or
dropped by how well they predicted them, and move on (Chopin, A sequential particle filter method
for static models, 2002).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from distillery.models.bayes import MixturePosterior
from distillery.samplers.density import Step, check_count


def arrived(
    posterior: MixturePosterior,
    chains: int,
    *,
    step: Callable[[MixturePosterior], Step],
    rng: torch.Generator,
    sweeps: int = 5,
    least: float = 0.5,
) -> Tensor:
    """States (chains, K) distributed as the posterior, up to what `chains` copies can tell.

    Each time as many data arrive as leave an effective share `least` of the chains; then all are
    resampled, and take `sweeps` steps. `step(part)` samples from the posterior of the data so far.
    """
    check_count("chains", chains)
    check_count("sweeps", sweeps)
    if not 0 < least < 1:
        raise ValueError(f"least is {least}: a share between 0 and 1 is needed")
    states = (
        torch.randn(chains, posterior.dimension, generator=rng, dtype=torch.float64)
        * posterior.prior_variance**0.5
    )
    seen = 0
    while seen < len(posterior.x):
        seen, log_weights = _next(posterior, states, seen, least)
        states = states[resampled(log_weights, rng)]
        transition = step(_of(posterior, 0, seen))
        for _ in range(sweeps):
            states = transition(states, rng)
    return states


def resampled(log_weights: Tensor, rng: torch.Generator) -> Tensor:
    """Indices, each as often as its weight says, up to one more or less: one random number places
    an even comb (systematic resampling).
    """
    ends = log_weights.softmax(0).cumsum(0)
    comb = (
        torch.arange(len(ends), dtype=torch.float64)
        + torch.rand((), generator=rng, dtype=torch.float64)
    ) / len(ends)
    return torch.searchsorted(ends, comb).clamp(max=len(ends) - 1)


def _next(
    posterior: MixturePosterior, states: Tensor, seen: int, least: float
) -> tuple[int, Tensor]:
    """How many data have been seen after the next arrival, and each state's log likelihood of those
    that arrived.
    """
    count = min(len(posterior.x) - seen, max(1, seen))
    while True:
        log_weights = _log_likelihood(_of(posterior, seen, seen + count), states)
        share = 1 / log_weights.softmax(0).square().sum() / len(states)
        if count == 1 or float(share) >= least:
            return seen + count, log_weights
        count = (count + 1) // 2


def _log_likelihood(part: MixturePosterior, states: Tensor) -> Tensor:
    """Up to a constant: the joint without the prior."""
    return part.log_density(states) + states.square().sum(1) / (2 * part.prior_variance)


def _of(posterior: MixturePosterior, first: int, last: int) -> MixturePosterior:
    weights, variances = tuple(posterior.weights.tolist()), tuple(posterior.variances.tolist())
    return MixturePosterior(
        posterior.x[first:last],
        weights=weights,
        variances=variances,
        prior_variance=posterior.prior_variance,
    )
