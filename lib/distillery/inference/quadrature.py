"""The truth beside the approximations: integrals on grids, each with an error estimated from a coarser grid.

The trapezoid rule is used throughout: on a smooth integrand that dies out at both ends its error falls exponentially as the spacing shrinks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from distillery.inference.laplace import curvature, laplace
from distillery.models.bayes import LogisticPosterior

NEGLIGIBLE = 28.0  # nats below the peak: a share of 7e-13
LogDensity = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Estimate:
    """A value, and how far from the truth it may be."""

    value: Tensor
    error: Tensor

    def __float__(self) -> float:
        return float(self.value)


def divergence(log_p: LogDensity, log_q: LogDensity, interval: tuple[float, float], *, points: int = 8001) -> Estimate:
    """KL(p || q) in nats of two densities on the line, int p (log p - log q), p being taken as normalised over the interval (thesis, 3.5).

    The error is the change against every second point. A q that vanishes where p does not is infinitely far.
    """
    low, high = interval
    if not low < high or points < 5:
        raise ValueError(f"interval is {interval} with {points} points: an increasing pair and at least 5 points are needed")
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
    """The posterior of a logistic regression with two weights on a fine grid, and what it predicts (thesis, equations 3.15 to 3.16).

    The grid's box is found by a coarse scan, and its spacing is halved until the evidence, and the predictions for inputs of length
    `reach`, stand still to `tolerance`; nodes of negligible mass are dropped. Predictions are compared with those of every second node
    in both directions, so that each comes with its error.
    """

    def __init__(self, posterior: LogisticPosterior, *, reach: float = 15.0, tolerance: float = 1e-6, most_nodes: int = 2_000_000) -> None:
        if posterior.dimension != 2:
            raise ValueError(f"posterior has {posterior.dimension} weights: a grid is laid over exactly 2")
        if reach <= 0 or tolerance <= 0:
            raise ValueError(f"reach is {reach} and tolerance is {tolerance}: both must be positive")
        self.posterior = posterior
        grid, change = _refined(posterior, reach, tolerance, most_nodes)
        self.nodes, self.masses, self._coarse = grid.nodes, grid.masses, grid.coarse
        self.mean = self.masses @ self.nodes
        away = self.nodes - self.mean
        self.covariance = (away * self.masses[:, None]).T @ away
        self.log_evidence = Estimate(torch.tensor(grid.log_evidence, dtype=torch.float64), torch.tensor(change, dtype=torch.float64))

    def probs(self, x: Tensor) -> Estimate:
        """p(y = 1 | x, D) for inputs (B, 2), each with its error."""
        if x.dim() != 2 or x.shape[1] != 2:
            raise ValueError(f"x has shape {tuple(x.shape)}: inputs (B, 2) are needed")
        answers = _predicted(self.nodes, torch.stack([self.masses, self._coarse], dim=1), x.detach().double())
        return Estimate(answers[:, 0], (answers[:, 0] - answers[:, 1]).abs())

    def expectation(self, values: Callable[[Tensor], Tensor]) -> Estimate:
        """The posterior mean of any function of the weights, (M, 2) -> (M,) or (M, ...)."""
        each = values(self.nodes)
        fine, coarse = (torch.tensordot(mass, each, dims=1) for mass in (self.masses, self._coarse))
        return Estimate(fine, (fine - coarse).abs())

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """Draws from the nodes, (n, 2): independent ones, for comparison with a chain's."""
        return self.nodes[torch.multinomial(self.masses, n, replacement=True, generator=rng)]


@dataclass(frozen=True)
class _Grid:
    nodes: Tensor
    masses: Tensor
    coarse: Tensor
    spacing: float
    log_evidence: float


def _refined(posterior: LogisticPosterior, reach: float, tolerance: float, most_nodes: int) -> tuple[_Grid, float]:
    """The first grid that agrees with the one of twice its spacing, and by how much."""
    mode, box = laplace(posterior).mean, _box(posterior)
    narrowest = torch.linalg.eigvalsh(torch.linalg.inv(curvature(posterior, mode))).min().sqrt()
    angles = torch.arange(32, dtype=torch.float64) * (math.pi / 32)
    probes = reach * torch.stack([angles.cos(), angles.sin()], dim=1)
    grid = _laid(posterior, box, min(0.5, 0.5 * float(narrowest)))
    while True:
        before, grid = grid, _laid(posterior, box, grid.spacing / 2)
        apart = (_predicted(grid.nodes, torch.stack([grid.masses, grid.coarse], dim=1), probes) @ torch.tensor([1.0, -1.0]).double()).abs()
        change = max(abs(grid.log_evidence - before.log_evidence), float(apart.max()))
        if change < tolerance or 4 * len(grid.nodes) > most_nodes:
            return grid, change


def _predicted(nodes: Tensor, masses: Tensor, x: Tensor) -> Tensor:
    """sum_i masses_i sigmoid(x . w_i), a few inputs at a time."""
    return torch.cat([torch.sigmoid(part @ nodes.T) @ masses for part in x.split(max(1, 500_000 // len(nodes)))])


def _box(posterior: LogisticPosterior) -> Tensor:
    """The smallest box of coarse cells that holds all but a negligible mass, (2, 2): lows and highs."""
    mode = laplace(posterior).mean
    peak = float(posterior.log_density(mode))
    high = torch.full((2,), 9 * math.sqrt(posterior.prior_variance), dtype=torch.float64)
    low = -high
    for _ in range(4):
        axes = [torch.linspace(float(a), float(b), 161, dtype=torch.float64) for a, b in zip(low, high, strict=True)]
        step = (high - low) / 160
        nodes = torch.cartesian_prod(*axes)
        kept = nodes[posterior.log_density(nodes) > peak - NEGLIGIBLE]
        kept = torch.cat([kept, mode[None]])
        low, high = kept.amin(0) - step, kept.amax(0) + step
    return torch.stack([low, high])


def _laid(posterior: LogisticPosterior, box: Tensor, spacing: float) -> _Grid:
    first, last = (box[0] / spacing).floor().long(), (box[1] / spacing).ceil().long()
    index = torch.cartesian_prod(*(torch.arange(int(a), int(b) + 1) for a, b in zip(first, last, strict=True)))
    log_density = torch.cat([posterior.log_density(part * spacing) for part in index.double().split(100_000)])
    kept = log_density > log_density.max() - NEGLIGIBLE
    index, log_density = index[kept], log_density[kept]
    peak = log_density.max()
    density = (log_density - peak).exp()
    even = (index % 2 == 0).all(1) * density
    log_evidence = float(density.sum().log() + peak) + 2 * math.log(spacing)
    return _Grid(index.double() * spacing, density / density.sum(), even / even.sum(), spacing, log_evidence)
