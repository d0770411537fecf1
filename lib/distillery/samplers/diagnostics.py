"""How far chains have mixed: autocorrelation, effective sample size, split R-hat, standard errors.

Draws are (sweeps, chains) or (sweeps, chains, dimensions): states of a chain, stacked. Definitions
are those of Vehtari, Gelman, Simpson, Carpenter and Bürkner (Rank-normalization, folding, and
localization: an improved R-hat, 2021), which ArviZ follows too.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def autocovariance(draws: Tensor) -> Tensor:
    """Mean of (x_t - mean)(x_{t+lag} - mean) at every lag, a chain at a time, divided by the number
    of sweeps at every lag.
    """
    centred = _sweeps_last(draws)
    centred = centred - centred.mean(-1, keepdim=True)
    sweeps = centred.shape[-1]
    spectrum = torch.fft.rfft(centred, n=2 * sweeps)  # padded: a chain is not a ring
    product = torch.fft.irfft(spectrum.abs().square(), n=2 * sweeps)[..., :sweeps]
    return product.movedim(-1, 0) / sweeps


def autocorrelation(draws: Tensor) -> Tensor:
    """The autocovariance over its value at lag 0."""
    covariance = autocovariance(draws)
    return covariance / covariance[:1]


def effective_sample_size(draws: Tensor, *, rank: bool = False) -> Tensor:
    """How many independent draws would give the mean the same variance: all draws over the
    autocorrelation time.

    Chains are split in halves; the time is summed by Geyer's initial monotone sequence. `rank`
    first replaces values by normal scores (ArviZ's "bulk"; without it, its "mean"). One number a
    dimension.
    """
    split = _split(draws)
    return _effective(_normal_scores(split) if rank else split)


def split_rhat(draws: Tensor, *, rank: bool = False) -> Tensor:
    """The root of the variance between and within half-chains over that within: 1 when all halves
    agree.

    `rank` takes the greater of two on normal scores, of the values and of their distances from the
    median (ArviZ's "rank"; without it, its "split").
    """
    split = _split(draws)
    if not rank:
        return _rhat(split)
    median = split.flatten(0, 1).quantile(0.5, 0)
    return torch.maximum(
        _rhat(_normal_scores(split)), _rhat(_normal_scores((split - median).abs()))
    )


def standard_error(draws: Tensor) -> Tensor:
    """The Monte Carlo standard error of the mean of all draws: their deviation over the root of the
    effective sample size.
    """
    return _checked(draws).flatten(0, 1).std(0) / effective_sample_size(draws).sqrt()


def _effective(draws: Tensor) -> Tensor:
    sweeps, chains = draws.shape[:2]
    covariance = autocovariance(draws).mean(1)
    within = covariance[0] * sweeps / (sweeps - 1)
    total = covariance[0] + (draws.mean(0).var(0) if chains > 1 else 0)
    correlation = 1 - (within - covariance) / total
    correlation[0] = 1
    time = _monotone_time(correlation)
    size = chains * sweeps / time.clamp(min=1 / math.log10(chains * sweeps))
    constant = (draws.amax((0, 1)) - draws.amin((0, 1))) < 1e-15
    return torch.where(constant, torch.full_like(size, chains * sweeps), size)


def _monotone_time(correlation: Tensor) -> Tensor:
    """-1 + 2 · the sum of correlations at lags 2k and 2k + 1 while that sum is positive, each
    capped by the one before (Geyer, 1992).
    """
    pairs = (len(correlation) - 1) // 2
    even = correlation[0 : 2 * pairs : 2]
    sums = even + correlation[1 : 2 * pairs : 2]
    stop = sums <= 0
    stop[-1] = True
    last = stop.to(torch.uint8).argmax(0, keepdim=True)
    before = torch.arange(pairs, device=sums.device).view(-1, *[1] * (sums.dim() - 1)) < last
    kept = torch.where(before, sums.cummin(0).values, 0)
    return -1 + 2 * kept.sum(0) + even.gather(0, last)[0].clamp(min=0)


def _rhat(draws: Tensor) -> Tensor:
    sweeps = len(draws)
    within, between = draws.var(0).mean(0), draws.mean(0).var(0)
    return ((sweeps - 1) / sweeps + between / within).sqrt()


def _normal_scores(draws: Tensor) -> Tensor:
    """Φ^-1((rank - 3/8) / (n + 1/4)), ties sharing their mean rank (Blom)."""
    flat = draws.flatten(0, 1)
    columns = flat.reshape(len(flat), -1).T.contiguous()
    ordered = columns.sort(1).values
    first, last = (
        torch.searchsorted(ordered, columns),
        torch.searchsorted(ordered, columns, right=True),
    )
    rank = (first + 1 + last).to(draws.dtype) / 2
    return torch.special.ndtri((rank - 0.375) / (len(flat) + 0.25)).T.reshape(draws.shape)


def _split(draws: Tensor) -> Tensor:
    """The first and the last half of every chain, as chains of their own."""
    draws = _checked(draws)
    half = len(draws) // 2
    return torch.cat([draws[:half], draws[-half:]], 1)


def _checked(draws: Tensor) -> Tensor:
    if draws.dim() not in (2, 3) or len(draws) < 8 or draws.shape[1] < 1:
        raise ValueError(
            f"draws have shape {tuple(draws.shape)}: (sweeps, chains) or (sweeps, chains,"
            " dimensions), 8 sweeps or more, is needed"
        )
    if not bool(draws.isfinite().all()):
        raise ValueError("draws hold values that are not finite: a chain has broken down")
    return draws.to(torch.float64)


def _sweeps_last(draws: Tensor) -> Tensor:
    return draws.to(torch.float64).movedim(0, -1)
