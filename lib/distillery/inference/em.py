"""Batch EM for mixtures of Gaussians: average the sufficient statistics, then match them (thesis,
appendix D.1).

Two ways in which a mixture degenerates, and what is done about each without ever lowering the
likelihood: a covariance that collapses on few points is kept above `floor` times the variance of
the data in every direction (cutting the eigenvalues is the exact maximum under that constraint); a
component that no point belongs to keeps its mean and covariance at weight zero. Weights on the
points make the fit a projection of any density given on a grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from distillery.models.mixture import Mixture, log_joint

EMPTY = 1e-12  # a component with less than this share of the data has no mean to speak of


@dataclass(frozen=True)
class Fit:
    """What EM found.

    `log_likelihoods` holds the mean log likelihood of the start and after every step.
    """

    mixture: Mixture
    log_likelihoods: Tensor
    converged: bool
    floored: tuple[int, ...]
    empty: tuple[int, ...]

    @property
    def steps(self) -> int:
        return len(self.log_likelihoods) - 1


@dataclass(frozen=True)
class Theta:
    """weights (K,), means (K, D), covariances (K, D, D) as plain tensors."""

    weights: Tensor
    means: Tensor
    covariances: Tensor


def fit(
    x: Tensor,
    start: Mixture,
    *,
    steps: int = 2000,
    tolerance: float = 1e-9,
    floor: float = 1e-6,
    counts: Tensor | None = None,
) -> Fit:
    """Raise the mean log likelihood of x from `start` until a step gains less than `tolerance` nats
    a point (thesis, D.2 maximised).

    `counts` weighs the points: the nodes and weights of a quadrature rule project a known density.
    """
    x, counts = _checked(x, start, counts)
    if floor <= 0 or steps < 1:
        raise ValueError(f"floor is {floor} and steps is {steps}: both must be positive")
    frame = Frame.of_points(x, counts)
    points, theta = frame.inside(x), frame.enter(start)
    theta = Theta(theta.weights, theta.means, floored(theta.covariances, floor))
    values, converged = [], False
    while True:
        statistics, value = expected_statistics(points, theta, counts)
        values.append(float(value))
        converged = len(values) > 1 and values[-1] - values[-2] < tolerance
        if converged or len(values) > steps:
            break
        theta = maximized(statistics, theta, floor)
    return _report(frame, theta, start, values, converged=converged, floor=floor)


def spread_start(x: Tensor, components: int, *, rng: torch.Generator) -> Mixture:
    """Means at points far from one another (drawn with probability proportional to squared
    distance), each with the covariance of all.
    """
    x = x[:, None] if x.dim() == 1 else x
    if not 1 <= components <= len(x):
        raise ValueError(
            f"components is {components} for {len(x)} points: between 1 and the number of points"
            " are needed"
        )
    x = x.double()
    frame = Frame.of_points(x, torch.full((len(x),), 1 / len(x), dtype=torch.float64))
    points = frame.inside(x)
    chosen = [int(torch.randint(len(x), (), generator=rng))]
    for _ in range(components - 1):
        distance = torch.cdist(points, points[chosen]).amin(1).square() + 1e-12
        chosen.append(int(torch.multinomial(distance, 1, generator=rng)))
    covariance = floored((points.T @ points / len(points))[None], 1e-6).expand(components, -1, -1)
    equal = torch.full((components,), 1 / components, dtype=torch.float64)
    return frame.leave(Theta(equal, points[chosen], covariance))


def expected_statistics(x: Tensor, theta: Theta, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Mass, first and second moments of every component, side by side in one matrix (K, 1 + D +
    D^2), and the mean log likelihood.

    (Thesis, equations D.3 to D.6, as weighted means instead of sums.)
    """
    joint = log_joint(x, theta.weights.log(), theta.means, torch.linalg.cholesky(theta.covariances))
    log_prob = joint.logsumexp(1)
    shares = (joint - log_prob[:, None]).exp() * counts[:, None]
    features = torch.cat(
        [torch.ones_like(x[:, :1]), x, (x[:, :, None] * x[:, None, :]).flatten(1)], dim=1
    )
    return shares.T @ features, counts @ log_prob


def maximized(statistics: Tensor, theta: Theta, floor: float) -> Theta:
    """The parameters that match the statistics (thesis, equations D.7 to D.9), covariances no
    smaller than the floor.
    """
    d = theta.means.shape[1]
    mass = statistics[:, 0]
    empty = mass < EMPTY * mass.sum()
    moments = statistics[:, 1:] / mass.clamp_min(1e-300)[:, None]
    means = moments[:, :d]
    covariances = moments[:, d:].reshape(-1, d, d) - means[:, :, None] * means[:, None, :]
    covariances = torch.where(empty[:, None, None], theta.covariances, covariances)
    means = torch.where(empty[:, None], theta.means, means)
    return Theta(
        torch.where(empty, 0.0, mass) / mass[~empty].sum(), means, floored(covariances, floor)
    )


def floored(covariances: Tensor, floor: float) -> Tensor:
    """The covariances with every eigenvalue at least `floor`: the likeliest ones that are."""
    if covariances.shape[1] == 1:
        return covariances.clamp_min(floor)
    values, vectors = torch.linalg.eigh((covariances + covariances.mT) / 2)
    if bool((values[:, 0] >= floor).all()):
        return covariances
    lifted: Tensor = (vectors * values.clamp_min(floor)[:, None, :]) @ vectors.mT
    return lifted


@dataclass(frozen=True)
class Frame:
    """Coordinates in which the data have mean zero and variance one each: moments there lose no
    digits, and one floor suits all.
    """

    origin: Tensor
    scale: Tensor

    @staticmethod
    def of_points(x: Tensor, counts: Tensor) -> Frame:
        origin = counts @ x
        scale = (counts @ (x - origin).square()).sqrt()
        if bool((scale <= 1e-12 * (1 + origin.abs())).any()):
            spread = scale.tolist()
            raise ValueError(
                f"x has the standard deviations {spread}: points must vary in every coordinate to"
                " have a likeliest density"
            )
        return Frame(origin, scale)

    @staticmethod
    def of_mixture(mixture: Mixture) -> Frame:
        weights, means = mixture.weights.detach().double(), mixture.means.detach().double()
        origin = weights @ means
        spread = (
            mixture.covariances.detach().double().diagonal(dim1=1, dim2=2)
            + (means - origin).square()
        )
        return Frame(origin, (weights @ spread).sqrt())

    def inside(self, x: Tensor) -> Tensor:
        return (x - self.origin) / self.scale

    def enter(self, mixture: Mixture) -> Theta:
        weights, means, covariances = (
            value.detach().double()
            for value in (mixture.weights, mixture.means, mixture.covariances)
        )
        return Theta(weights, self.inside(means), covariances / (self.scale[:, None] * self.scale))

    def outside(self, theta: Theta) -> tuple[Tensor, Tensor, Tensor]:
        return (
            theta.weights,
            theta.means * self.scale + self.origin,
            theta.covariances * self.scale[:, None] * self.scale,
        )

    def leave(self, theta: Theta) -> Mixture:
        return Mixture(*self.outside(theta))


def _report(
    frame: Frame,
    theta: Theta,
    start: Mixture,
    values: list[float],
    *,
    converged: bool,
    floor: float,
) -> Fit:
    least = (
        torch.linalg.eigvalsh(theta.covariances)[:, 0]
        if start.dimension > 1
        else theta.covariances[:, 0, 0]
    )
    likelihoods = torch.tensor(values, dtype=torch.float64) - frame.scale.log().sum()
    at_floor = tuple((least <= floor * (1 + 1e-6)).nonzero().flatten().tolist())
    return Fit(
        frame.leave(theta),
        likelihoods,
        converged,
        at_floor,
        tuple((theta.weights == 0).nonzero().flatten().tolist()),
    )


def _checked(x: Tensor, start: Mixture, counts: Tensor | None) -> tuple[Tensor, Tensor]:
    x = start.points(x).detach().double()
    if len(x) < start.components:
        raise ValueError(
            f"x holds {len(x)} points for {start.components} components: at least one point a"
            " component is needed"
        )
    if not bool(x.isfinite().all()):
        raise ValueError(f"x holds {int((~x.isfinite()).sum())} numbers that are not finite")
    counts = torch.ones(len(x), dtype=torch.float64) if counts is None else counts.double()
    if (
        counts.shape != x.shape[:1]
        or bool((counts < 0).any())
        or not 0 < float(counts.sum()) < float("inf")
    ):
        raise ValueError(
            f"counts has shape {tuple(counts.shape)}: one non-negative weight for each of the"
            f" {len(x)} points is needed"
        )
    return x, counts / counts.sum()
