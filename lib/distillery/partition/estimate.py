"""What every estimator of log Z answers: a value, its error, how many samples it really rests on,
and what makes it doubtful.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

FEWEST, HEAVIEST = (
    100,
    0.7,
)  # effective samples below which, and Pareto shape above which, an error is not to be believed


@dataclass(frozen=True)
class Estimate:
    """log Z or a bound on it, in nats.

    `error` is one standard error, `interval` reaches three to either side, or further where errors
    do not tell all; without `warnings` there is no known doubt.
    """

    value: float
    error: float
    effective_samples: float
    interval: tuple[float, float]
    warnings: tuple[str, ...] = ()


def mean_estimate(values: Tensor) -> Estimate:
    """The mean of independent values and its standard error."""
    mean, error = values.mean().item(), values.std().item() / math.sqrt(len(values))
    return Estimate(mean, error, float(len(values)), (mean - 3 * error, mean + 3 * error))


def log_mean_estimate(log_weights: Tensor) -> Estimate:
    """log of the mean of exp(log_weights); its interval is log(mean - 3 errors) to log(mean + 3
    errors), as the thesis has it.
    """
    top = log_weights.max().item()
    if top == -math.inf:
        return Estimate(
            -math.inf,
            math.inf,
            0.0,
            (-math.inf, math.inf),
            ("every weight is zero: the proposal misses the target altogether",),
        )
    weights = (log_weights - top).exp()
    mean = weights.mean().item()
    relative = weights.std().item() / math.sqrt(len(weights)) / mean
    effective = weights.sum().item() ** 2 / weights.square().sum().item()
    value = top + math.log(mean)
    return Estimate(
        value,
        relative,
        effective,
        log_interval(value, relative),
        _doubts(log_weights, effective, relative),
    )


def log_interval(value: float, relative: float) -> tuple[float, float]:
    """log(Z ± 3 standard errors), given log Z and the standard error relative to Z."""
    return value + math.log1p(-3 * relative) if 3 * relative < 1 else -math.inf, value + math.log1p(
        3 * relative
    )


def pareto_shape(log_weights: Tensor) -> float:
    """The shape k of the weights' tail: above 0.7 their mean converges too slowly to be trusted
    (Vehtari et al., 2024).

    A generalised Pareto distribution is fitted to the largest 3 sqrt(n) weights, at most a fifth,
    as Zhang and Stephens (2009) do.
    -inf where there is no tail, as for equal weights.
    """
    n = len(log_weights)
    ordered = (log_weights - log_weights.max()).exp().sort().values
    cut = ordered[-min(n // 5, math.ceil(3 * math.sqrt(n))) - 1]
    excess = ordered[ordered > cut] - cut
    tail = len(excess)
    if tail < 5 or excess[0] == excess[-1]:
        return -math.inf  # too few states to have a tail
    m, quartile = 30 + math.isqrt(tail), excess[tail // 4].item()
    grid = torch.arange(1, m + 1, dtype=excess.dtype)
    theta = 1 / excess[-1] + (1 - (m / (grid - 0.5)).sqrt()) / (3 * quartile)
    shape = torch.log1p(-theta[:, None] * excess).mean(1)
    likelihood = tail * ((-theta / shape).log() - shape - 1)
    best = (likelihood.softmax(0) * theta).sum()
    k = torch.log1p(-best * excess).mean().item()
    return (tail * k + 5) / (tail + 10)  # drawn a little towards one half, as the reference has it


def check_ratios(name: str, ratios: Any, least: int = 2) -> Tensor:
    """A vector of log ratios in float64, without NaN; infinities are left to the diagnostics."""
    if not isinstance(ratios, Tensor) or ratios.dim() != 1 or len(ratios) < least:
        got = (
            f"of shape {tuple(ratios.shape)}"
            if isinstance(ratios, Tensor)
            else f"a {type(ratios).__name__}"
        )
        raise ValueError(f"{name} is {got}: a tensor of at least {least} log ratios is needed")
    if bool(ratios.isnan().any()):
        raise ValueError(
            f"{name} holds {int(ratios.isnan().sum())} values that are not numbers: check the"
            " models' weights"
        )
    return ratios.detach().double().cpu()


def _doubts(log_weights: Tensor, effective: float, relative: float) -> tuple[str, ...]:
    doubts, n = [], len(log_weights)
    if effective < min(FEWEST, n / 2):
        doubts.append(f"only {effective:.1f} of {n} samples count: a few weights decide the value")
    if (k := pareto_shape(log_weights)) > HEAVIEST:
        doubts.append(
            f"the largest weights have a Pareto tail of shape {k:.2f}, above {HEAVIEST}: the mean"
            " of all has not converged, and the error is understated"
        )
    if 3 * relative >= 1:
        doubts.append(f"the standard error is {relative:.0%} of Z: the interval has no lower end")
    return tuple(doubts)
