"""A posterior of unknown means summed over a lattice of means, near every mode there is.

The posterior of K means is a sum of K^N Gaussians with independent coordinates, none narrower in
m_k than s_k / sqrt(N + s_k^2 / v) under the prior N(0, v I). The trapezoid rule with just that
spacing sums each of them to a relative error below 6e-9 a coordinate, so it sums the posterior as
well, whatever N is. What remains is to find the part of the lattice that matters: a box is dropped
when a bound on its density, each data point taking the most favourable means in the box, is
negligible beside the highest density known. No mode can hide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise, permutations

import torch
from torch import Tensor

from distillery.models.bayes import MixturePosterior

CELL = 4  # lattice points a side of the smallest box
CHUNK = 400_000  # lattice points worked on at a time: what fits in a core's cache


def climbed(
    posterior: MixturePosterior, *, starts: int = 64, steps: int = 200
) -> tuple[Tensor, float]:
    """The best of many climbs on the posterior by EM for the means, and its log density. (A better
    one would only save time.)
    """
    x, variances, k = posterior.x, posterior.variances, posterior.dimension
    levels = torch.quantile(
        x, torch.linspace(0.02, 0.98, max(2, round(starts ** (1 / k))), dtype=torch.float64)
    )
    w = torch.cartesian_prod(*[levels] * k).reshape(-1, k)
    for _ in range(steps):
        shares = posterior.responsibilities(w)
        w = (shares @ x) / (shares.sum(-1) + variances / posterior.prior_variance)
    values = posterior.log_density(w)
    return w[values.argmax()], float(values.max())


def summed(
    posterior: MixturePosterior,
    peak: tuple[Tensor, float],
    *,
    spacing: float,
    offset: float,
    cut: float,
) -> Summed:
    """The posterior summed over the lattice of i + offset times `spacing` times the width of its
    narrowest Gaussian.

    `peak` is a high point of the posterior, and its log density.
    """
    n, variances = len(posterior.x), posterior.variances
    steps = spacing * (variances / (n + 1 + variances / posterior.prior_variance)).sqrt()
    reference = posterior.given(peak[0]).log_prob(posterior.x[:, None]).detach()
    ceiling = float(
        (posterior.weights / (2 * math.pi * variances).sqrt()).sum().log() - reference.min()
    )
    group = max(1, min(8, int(600 / max(ceiling, 1.0))))
    lattice = _Lattice(posterior, steps, offset, reference, peak[1] - float(reference.sum()), group)
    boxes, dropped = _boxes(lattice, cut)
    return _accumulated(lattice, boxes, peak[1], dropped)


@dataclass(frozen=True)
class Summed:
    """What one lattice says: nodes and masses of each marginal, probabilities of the orders, the
    evidence, the share dropped at most.
    """

    nodes: list[Tensor]
    masses: list[Tensor]
    orders: dict[tuple[int, ...], float]
    log_evidence: float
    dropped: float


@dataclass(frozen=True)
class _Lattice:
    posterior: MixturePosterior
    steps: Tensor
    offset: float
    reference: Tensor  # log p(x_n) at the peak: likelihoods are kept relative to it
    log_prior: float  # at the peak
    # how many likelihood factors are multiplied before a logarithm is taken: as many as cannot
    # overflow
    group: int

    def points(self, index: Tensor, k: int) -> Tensor:
        return (index.double() + self.offset) * self.steps[k]


def _boxes(lattice: _Lattice, cut: float) -> tuple[Tensor, float]:
    """Corners (B, K), in cells, of all cells that may matter, and a bound on the rest relative to
    the peak, in lattice points.
    """
    reach = (math.sqrt(2 * cut) + 1) * math.sqrt(lattice.posterior.prior_variance)
    cells = reach / (CELL * lattice.steps)
    level = max(0, math.ceil(math.log2(float(cells.max()) / 10)))
    boxes = torch.cartesian_prod(
        *(torch.arange(-n, n) for n in (cells / 2**level).ceil().int().tolist())
    ).reshape(-1, len(cells))
    halves, dropped = (
        torch.cartesian_prod(*[torch.arange(2)] * len(cells)).reshape(-1, len(cells)),
        0.0,
    )
    while True:
        bound = torch.cat([_bound(lattice, part, CELL * 2**level) for part in boxes.split(CHUNK)])
        kept = bound > -cut
        dropped += float(bound[~kept].exp().sum()) * (CELL * 2**level) ** len(cells)
        boxes = boxes[kept]
        if level == 0:
            return boxes, dropped
        boxes, level = (2 * boxes[:, None] + halves).flatten(0, 1), level - 1


def _bound(lattice: _Lattice, boxes: Tensor, width: int) -> Tensor:
    """An upper bound on the log density, relative to the peak, of all lattice points in boxes of
    `width` points a side.
    """
    tables, where, prior = [], [], torch.zeros(len(boxes), dtype=torch.float64)
    for k in range(boxes.shape[1]):
        corners, at = boxes[:, k].unique(return_inverse=True)
        low, high = (
            lattice.points(corners * width, k),
            lattice.points(corners * width + width - 1, k),
        )
        nearest = lattice.posterior.x[:, None].clamp(min=low, max=high)
        tables.append(_table(lattice, nearest, k))
        prior = (
            prior
            - 0.5
            * torch.zeros_like(low).clamp(min=low, max=high).square()[at]
            / lattice.posterior.prior_variance
        )
        where.append(at)
    return _relative(tables, where, lattice.group) + prior + _prior_constant(lattice)


def _accumulated(lattice: _Lattice, boxes: Tensor, highest: float, dropped: float) -> Summed:
    """Add up the density of every lattice point in the cells: in all, by coordinate, by order."""
    sums = _Sums(lattice, boxes)
    for part in boxes.split(max(1, CHUNK // CELL ** boxes.shape[1])):
        sums.add(part)
    total = float(sums.masses[0].sum())
    log_evidence = highest + math.log(total) + float(lattice.steps.log().sum())
    shares = {order: mass / total for order, mass in sums.orders.items()}
    masses = [mass / total for mass in sums.masses]
    return Summed(sums.axes, masses, shares, log_evidence, dropped / total)


class _Sums:
    """Of the density over lattice points in cells: `masses` by coordinate along `axes`, `orders` by
    the order of the means.
    """

    def __init__(self, lattice: _Lattice, boxes: Tensor) -> None:
        self.lattice = lattice
        self.first = boxes.amin(0) * CELL
        sizes = (boxes.amax(0) * CELL + CELL - self.first).tolist()
        self.axes = [
            lattice.points(self.first[k] + torch.arange(size), k) for k, size in enumerate(sizes)
        ]
        self.tables = [_table(lattice, axis, k) for k, axis in enumerate(self.axes)]
        self.masses = [torch.zeros(size, dtype=torch.float64) for size in sizes]
        self.orders = dict.fromkeys(permutations(range(len(sizes))), 0.0)

    def add(self, boxes: Tensor) -> None:
        """The density of the points in some cells."""
        dimensions = range(len(self.axes))
        where = [_along(boxes[:, k] * CELL - self.first[k], k, len(dimensions)) for k in dimensions]
        means = [self.axes[k][where[k]] for k in dimensions]
        density = self._density(where, means)
        for k in dimensions:
            others = [d + 1 for d in dimensions if d != k]
            along = density.sum(others) if others else density
            self.masses[k].index_add_(0, where[k].flatten(), along.flatten())
        _add_orders(self.orders, means, density)

    def _density(self, where: list[Tensor], means: list[Tensor]) -> Tensor:
        """Relative to the peak, over the points of each cell, (B, CELL, …)."""
        prior = sum((m.square() for m in means), start=torch.zeros(())) * (
            -0.5 / self.lattice.posterior.prior_variance
        )
        relative = _relative(self.tables, where, self.lattice.group)
        return (relative + prior + _prior_constant(self.lattice)).exp_()


def _along(corner: Tensor, k: int, dimensions: int) -> Tensor:
    """Indices of a cell's points along coordinate k, (B, 1, .., CELL, .., 1)."""
    shape = [len(corner)] + [CELL if d == k else 1 for d in range(dimensions)]
    return (corner[:, None] + torch.arange(CELL)).reshape(shape)


def _add_orders(orders: dict[tuple[int, ...], float], means: list[Tensor], density: Tensor) -> None:
    for order in orders:
        sorted_so = torch.ones((), dtype=torch.bool)
        for left, right in pairwise(order):
            sorted_so = sorted_so & (
                means[left] <= means[right] if left < right else means[left] < means[right]
            )  # ties go to one order
        orders[order] += float((density * sorted_so).sum())


def _table(lattice: _Lattice, means: Tensor, k: int) -> Tensor:
    """pi_k N(x_n | m, s_k^2) over p(x_n) at the mode, one row a data point; `means` is (N, M) or
    (M,).
    """
    weight, variance = lattice.posterior.weights[k], lattice.posterior.variances[k]
    away = (lattice.posterior.x[:, None] - means).square() / variance
    return (
        -0.5 * away
        + (weight.log() - 0.5 * (2 * math.pi * variance).log() - lattice.reference[:, None])
    ).exp()


def _relative(tables: list[Tensor], where: list[Tensor], group: int) -> Tensor:
    """sum_n log sum_k tables[k][n, where[k]], the indices broadcasting against one another; few
    logarithms are taken.
    """
    total, product = torch.zeros(()), torch.ones(())
    for n in range(len(tables[0])):
        here = tables[0][n][where[0]]
        for table, at in zip(tables[1:], where[1:], strict=True):
            here = here + table[n][at]
        product = here if n % group == 0 else product.mul_(here)
        if n % group == group - 1 or n == len(tables[0]) - 1:
            total = total + product.log_()
    return total


def _prior_constant(lattice: _Lattice) -> float:
    k, v = len(lattice.steps), lattice.posterior.prior_variance
    return -0.5 * k * math.log(2 * math.pi * v) - lattice.log_prior
