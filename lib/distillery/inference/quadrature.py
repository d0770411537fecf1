"""The truth beside the approximations: integrals on grids, each with an error estimated from a
coarser grid.

The trapezoid rule is used throughout: on a smooth integrand that dies out at both ends its error
falls exponentially as the spacing shrinks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from distillery.models.bayes import LogisticPosterior

NEGLIGIBLE = 26.0  # nats below the peak: a share of 5e-12
LogDensity = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Estimate:
    """A value, and how far from the truth it may be."""

    value: Tensor
    error: Tensor

    def __float__(self) -> float:
        return float(self.value)


def divergence(
    log_p: LogDensity, log_q: LogDensity, interval: tuple[float, float], *, points: int = 8001
) -> Estimate:
    """KL(p || q) in nats of two densities on the line, int p (log p - log q), p being taken as
    normalised over the interval (thesis, 3.5).

    The error is the change against every second point. A q that vanishes where p does not is
    infinitely far.
    """
    low, high = interval
    if not low < high or points < 5:
        raise ValueError(
            f"interval is {interval} with {points} points: an increasing pair and at least 5 points"
            " are needed"
        )
    x = torch.linspace(low, high, points | 1, dtype=torch.float64)
    with torch.no_grad():
        log_p_x, log_q_x = log_p(x).double(), log_q(x).double()
    if bool(log_p_x.isnan().any() | log_q_x.isnan().any()):
        raise ValueError(f"a log density is NaN somewhere on {interval}")
    p = log_p_x.exp()
    term = torch.where(p > 0, p * (log_p_x - log_q_x), 0.0)
    fine, coarse = (term[::s].sum() / p[::s].sum() for s in (1, 2))
    return Estimate(fine, (fine - coarse).abs())


class LogisticTruth:
    """The posterior of a logistic regression with two weights on a fine grid, and what it predicts
    (thesis, equations 3.15 to 3.16).

    The grid is one of angles and logarithms of lengths: w . x is a length times something, so the
    sigmoid is equally smooth in the logarithm for inputs near and far, and a thousand angles by a
    hundred lengths do for all of them. Whatever is computed is compared with what every second
    angle says, and every second length; the sum of both differences is its error, a cautious one.
    The spacings are halved until evidence, and predictions for inputs of length `reach`, are
    certain to `tolerance`; nodes of negligible mass are dropped.
    """

    def __init__(
        self,
        posterior: LogisticPosterior,
        *,
        reach: float = 15.0,
        tolerance: float = 1e-6,
        most_nodes: int = 2_000_000,
    ) -> None:
        if posterior.dimension != 2:
            raise ValueError(
                f"posterior has {posterior.dimension} weights: a grid is laid over exactly 2"
            )
        if reach <= 0 or tolerance <= 0:
            raise ValueError(
                f"reach is {reach} and tolerance is {tolerance}: both must be positive"
            )
        self.posterior = posterior
        self.nodes, self._rules, logs = _refined(posterior, reach, tolerance, most_nodes)
        self.masses = self._rules[:, 0]
        self.mean = self.masses @ self.nodes
        away = self.nodes - self.mean
        self.covariance = (away * self.masses[:, None]).T @ away
        self.log_evidence = _compared(logs)

    def probs(self, x: Tensor) -> Estimate:
        """p(y = 1 | x, D) for inputs (B, 2), each with its error."""
        if x.dim() != 2 or x.shape[1] != 2:
            raise ValueError(f"x has shape {tuple(x.shape)}: inputs (B, 2) are needed")
        return _compared(_predicted(self.nodes, self._rules, x.detach().double()))

    def expectation(self, values: Callable[[Tensor], Tensor]) -> Estimate:
        """The posterior mean of any function of the weights, (M, 2) -> (M,) or (M, ...)."""
        return _compared(torch.tensordot(values(self.nodes), self._rules, dims=([0], [0])))

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """Draws from the nodes, (n, 2): independent ones, for comparison with a chain's."""
        return self.nodes[torch.multinomial(self.masses, n, replacement=True, generator=rng)]


def _refined(
    posterior: LogisticPosterior, reach: float, tolerance: float, most_nodes: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Nodes (M, 2), masses by three rules (M, 3) and log evidences (3,) of the first grid that is
    fine enough in both directions.
    """
    turns = torch.arange(32, dtype=torch.float64) * (math.pi / 32) + 0.01
    probes = reach * torch.stack([turns.cos(), turns.sin()], dim=1)
    angles, step = 512, 0.3
    while True:
        nodes, rules, logs = _laid(posterior, angles, step)
        answers = torch.cat([_predicted(nodes, rules, probes), logs[None]])
        by_angle, by_length = ((answers[:, 0] - answers[:, i]).abs().max() for i in (1, 2))
        if bool(by_angle + by_length < tolerance) or 2 * len(nodes) > most_nodes:
            return nodes, rules, logs
        if by_angle > by_length:
            angles *= 2
        else:
            step /= 2


def _laid(posterior: LogisticPosterior, angles: int, step: float) -> tuple[Tensor, Tensor, Tensor]:
    """A grid of angles, and of lengths whose logarithms are `step` apart.

    The three rules: all nodes, every second angle, every second length.
    """
    longest = math.log(8 * math.sqrt(posterior.prior_variance))
    index = torch.cartesian_prod(
        torch.arange(angles), torch.arange(int((longest - 30) / step), int(longest / step) + 1)
    )
    angle, length = (
        index[:, 0].double() * (2 * math.pi / angles),
        (index[:, 1].double() * step).exp(),
    )
    nodes = (length * torch.stack([angle.cos(), angle.sin()])).T.contiguous()
    log_mass = (
        torch.cat([posterior.log_density(part) for part in nodes.split(20_000)]) + 2 * length.log()
    )
    peak = log_mass.max()
    kept = log_mass > peak - NEGLIGIBLE
    mass = (log_mass[kept] - peak).exp()
    rules = torch.stack([mass, *(2 * mass * (index[kept, i] % 2 == 0) for i in (0, 1))], dim=1)
    logs = rules.sum(0).log() + peak + math.log(step * 2 * math.pi / angles)
    return nodes[kept], rules / rules.sum(0), logs


def _predicted(nodes: Tensor, rules: Tensor, x: Tensor) -> Tensor:
    """sum_i rules_i sigmoid(x . w_i), a few inputs at a time, (B, 3)."""
    return torch.cat(
        [torch.sigmoid(part @ nodes.T) @ rules for part in x.split(max(1, 500_000 // len(nodes)))]
    )


def _compared(values: Tensor) -> Estimate:
    """The first of three rules' values, (..., 3), and how far it is from the others."""
    value = values[..., 0]
    return Estimate(value, (value[..., None] - values[..., 1:]).abs().sum(-1))
