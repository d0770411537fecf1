"""The truth about a mixture with unknown means: its predictive density, its evidence, the order of
its means.

The predictive density needs no more than the marginals, p(x | D) = sum_k pi_k int N(x | m, s_k^2)
p(m_k = m | D) dm.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from distillery.inference.lattice import Summed, climbed, summed
from distillery.inference.quadrature import Estimate, divergence
from distillery.models.bayes import MixturePosterior
from distillery.models.mixture import Mixture


class MixtureTruth:
    """The marginals of the means, the evidence, the predictive density: values averaged over two
    lattices half a step apart.

    Their disagreement, and the bound on what was dropped, are the error. `cut` is in nats below the
    highest density.
    """

    def __init__(
        self, posterior: MixturePosterior, *, spacing: float = 1.0, cut: float = 32.0
    ) -> None:
        if not 0 < spacing <= 2 or cut <= 0:
            raise ValueError(
                f"spacing is {spacing} and cut is {cut}: a spacing in (0, 2] and a positive cut are"
                " needed"
            )
        self.posterior = posterior
        peak = climbed(posterior)
        self.mode, self.highest = peak
        self._sums = [
            summed(posterior, peak, spacing=spacing, offset=offset, cut=cut)
            for offset in (0.0, 0.5)
        ]
        logs = torch.tensor([part.log_evidence for part in self._sums], dtype=torch.float64)
        self.dropped = max(part.dropped for part in self._sums)
        self.log_evidence = Estimate(logs.mean(), (logs[0] - logs[1]).abs() / 2 + self.dropped)

    def marginal(self, k: int) -> tuple[Tensor, Tensor]:
        """Nodes and masses of the posterior of mean k, (M,) each, masses summing to one."""
        nodes, masses = (
            torch.cat([part[k] for part in parts])
            for parts in zip(*((s.nodes, s.masses) for s in self._sums), strict=True)
        )
        order = nodes.argsort()
        return nodes[order], masses[order] / 2

    @property
    def orders(self) -> dict[tuple[int, ...], float]:
        """The posterior probability of every order of the means, from left to right: the modes that
        a single chain may never leave.
        """
        first, second = (part.orders for part in self._sums)
        return {order: (first[order] + second[order]) / 2 for order in first}

    def prob(self, x: Tensor) -> Estimate:
        """p(x | D) at points (B,) or (B, 1), each with its error (thesis, equation 3.1)."""
        one, other = (self._predicted(part, x.detach().double().flatten()) for part in self._sums)
        value = (one + other) / 2
        return Estimate(value, (one - other).abs() / 2 + self.dropped * value)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x | D), (B,)."""
        return self.prob(x).value.log()

    @property
    def interval(self) -> tuple[float, float]:
        """Where the predictive density lives: outside is less than 1e-13 of it."""
        wide = (7.5 * self.posterior.variances.sqrt()).tolist()
        nodes = [self.marginal(k)[0] for k in range(self.posterior.dimension)]
        return min(float(m[0]) - w for m, w in zip(nodes, wide, strict=True)), max(
            float(m[-1]) + w for m, w in zip(nodes, wide, strict=True)
        )

    def grid(self, points: int = 4001) -> tuple[Tensor, Tensor]:
        """Points (M, 1) and the predictive mass at each, (M,): what `em.fit(..., counts=...)`
        projects onto a compact mixture.
        """
        x = torch.linspace(*self.interval, points, dtype=torch.float64)
        mass = self.prob(x).value
        return x[:, None], mass / mass.sum()

    def divergence(self, compact: Mixture, *, points: int = 8001) -> Estimate:
        """KL(p(x | D) || compact) in nats."""
        return divergence(self.log_prob, compact.log_prob, self.interval, points=points)

    def _predicted(self, part: Summed, x: Tensor) -> Tensor:
        total = torch.zeros_like(x)
        for k, (weight, variance) in enumerate(
            zip(self.posterior.weights, self.posterior.variances, strict=True)
        ):
            for nodes, masses in zip(
                part.nodes[k].split(1000), part.masses[k].split(1000), strict=True
            ):
                away = (x[:, None] - nodes).square_().mul_(-0.5 / variance).exp_()
                total += away @ masses * weight / (2 * math.pi * variance).sqrt()
        return total
