"""A mixture of Gaussians in any number of dimensions: the compact density of chapter 3 of the
thesis.

Its parameters are free (logits, means, Cholesky factors with logarithmic diagonals), so that a
gradient step never leaves the family (equation 3.8, which the thesis prints with the wrong sign: a
step climbs the likelihood); EM sets them through `assign`.
"""

from __future__ import annotations

import math
from typing import Any, Self

import torch
from torch import Tensor, nn

from distillery.models.described import Described


class Mixture(Described, nn.Module):
    """A weighted sum of Gaussian densities, p(x) = sum_i pi_i N(x | m_i, S_i) (thesis, equations
    3.14 and D.1).

    `weights` is (K,), `means` (K, D), `covariances` (K, D, D). In one dimension means and variances
    may both be (K,). Points are (N, D), or (N,) in one dimension.
    """

    def __init__(self, weights: Tensor, means: Tensor, covariances: Tensor) -> None:
        super().__init__()
        weights, means, covariances = _checked(weights, means, covariances)
        self.logits = nn.Parameter(weights.log())
        self.means = nn.Parameter(means.clone())
        self.factors = nn.Parameter(_free(covariances))

    def arguments(self) -> dict[str, Any]:
        return {"components": self.components, "dimension": self.dimension}

    @classmethod
    def from_arguments(cls, *, components: int, dimension: int) -> Self:  # type: ignore[override]
        means = torch.zeros(components, dimension)
        covariances = torch.zeros(components, dimension, dimension) + torch.eye(dimension)
        return cls(torch.full((components,), 1 / components), means, covariances)

    @property
    def components(self) -> int:
        return self.means.shape[0]

    @property
    def dimension(self) -> int:
        return self.means.shape[1]

    @property
    def weights(self) -> Tensor:
        return self.logits.softmax(0)

    @property
    def covariances(self) -> Tensor:
        factors = self._cholesky()
        return factors @ factors.mT

    def log_joint(self, x: Tensor) -> Tensor:
        """log pi_i + log N(x | m_i, S_i), one column a component: (N, K)."""
        return log_joint(self.points(x), self.logits.log_softmax(0), self.means, self._cholesky())

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x), (N,)."""
        return self.log_joint(x).logsumexp(1)

    forward = log_prob

    def responsibilities(self, x: Tensor) -> Tensor:
        """The probability that component i made x, (N, K) (thesis, equation D.3)."""
        return self.log_joint(x).softmax(1)

    @torch.no_grad()
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """n independent draws, (n, D): a component first, then a point from it."""
        if n < 1:
            raise ValueError(f"n is {n}: the number of samples must be at least 1")
        component = torch.multinomial(self.weights, n, replacement=True, generator=rng)
        noise = torch.randn(
            n, self.dimension, 1, generator=rng, dtype=self.means.dtype, device=self.means.device
        )
        return self.means[component] + (self._cholesky()[component] @ noise).squeeze(2)

    def rsample(self, n: int, *, rng: torch.Generator) -> Tensor:
        """n draws with derivatives, those with respect to the weights included (Figurnov, Mohamed
        and Mnih, 2018).

        While the parameters move a draw keeps its ranks: for every coordinate the mass below it,
        given the coordinates before it.
        """
        x = self.sample(n, rng)
        if not torch.is_grad_enabled():
            return x
        x.requires_grad_()
        ranks = self._ranks(x)
        slopes = torch.stack(
            [
                torch.autograd.grad(column.sum(), x, retain_graph=True)[0]
                for column in ranks.unbind(1)
            ],
            1,
        )
        moved = torch.linalg.solve_triangular(
            slopes, (ranks - ranks.detach())[..., None], upper=False
        )
        return x.detach() - moved.squeeze(2)  # as valued, x

    @torch.no_grad()
    def assign(self, weights: Tensor, means: Tensor, covariances: Tensor) -> None:
        """Set all parameters in place, so that an optimizer that holds them keeps holding them."""
        weights, means, covariances = _checked(weights, means, covariances)
        if means.shape != self.means.shape:
            raise ValueError(
                f"means has shape {tuple(means.shape)}, but this mixture holds"
                f" {tuple(self.means.shape)}"
            )
        self.logits.copy_(weights.log())
        self.means.copy_(means)
        self.factors.copy_(_free(covariances))

    def points(self, x: Tensor) -> Tensor:
        """x as (N, D) in the mixture's own precision, or a complaint."""
        x = x[:, None] if x.dim() == 1 and self.dimension == 1 else x
        if x.dim() != 2 or x.shape[1] != self.dimension:
            raise ValueError(
                f"x has shape {tuple(x.shape)}: points of {self.dimension} dimension(s), (N,"
                f" {self.dimension}), are needed"
            )
        return x.to(self.means)

    def _ranks(self, x: Tensor) -> Tensor:
        """The distribution function of each coordinate given those before it, (N, D)."""
        factors = self._cholesky()
        scaled = torch.linalg.solve_triangular(
            factors, (x[None] - self.means[:, None]).mT, upper=False
        ).mT
        each = -0.5 * scaled.square() - factors.diagonal(dim1=1, dim2=2).log()[:, None]
        before = self.logits.log_softmax(0)[:, None, None] + each.cumsum(2) - each
        return (before.softmax(0) * torch.special.ndtr(scaled)).sum(0)

    def _cholesky(self) -> Tensor:
        return self.factors.tril(-1) + torch.diag_embed(self.factors.diagonal(dim1=1, dim2=2).exp())


def log_joint(x: Tensor, log_weights: Tensor, means: Tensor, factors: Tensor) -> Tensor:
    """log pi_i + log N(x | m_i, L_i L_i^T) of points (N, D), from Cholesky factors (K, D, D): (N,
    K).
    """
    away = x[None] - means[:, None]
    scaled = (
        away / factors
        if x.shape[1] == 1
        else torch.linalg.solve_triangular(factors, away.mT, upper=False).mT
    )
    log_volume = factors.diagonal(dim1=1, dim2=2).log().sum(1) + 0.5 * x.shape[1] * math.log(
        2 * math.pi
    )
    return ((log_weights - log_volume)[:, None] - 0.5 * scaled.square().sum(2)).T


def _free(covariances: Tensor) -> Tensor:
    factors = torch.linalg.cholesky(covariances)
    return factors.tril(-1) + torch.diag_embed(factors.diagonal(dim1=1, dim2=2).log())


def _checked(weights: Tensor, means: Tensor, covariances: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    weights, means, covariances = weights.detach(), means.detach(), covariances.detach()
    means = means[:, None] if means.dim() == 1 else means
    covariances = covariances[:, None, None] if covariances.dim() == 1 else covariances
    for name, value in (("weights", weights), ("means", means), ("covariances", covariances)):
        if not torch.is_floating_point(value) or not bool(value.isfinite().all()):
            raise ValueError(
                f"{name} of a mixture must be finite floating-point numbers, not {value.tolist()}"
            )
    k, d = means.shape
    if weights.shape != (k,) or covariances.shape != (k, d, d):
        raise ValueError(
            f"weights {tuple(weights.shape)}, means {tuple(means.shape)} and covariances"
            f" {tuple(covariances.shape)} do not describe one mixture: (K,), (K, D) and (K, D, D)"
            " are needed"
        )
    if bool((weights < 0).any()) or abs(float(weights.sum()) - 1) > 1e-5:
        raise ValueError(
            f"weights is {weights.tolist()}: non-negative numbers that sum to one are needed"
        )
    _check_positive_definite(covariances)
    return weights / weights.sum(), means, covariances


def _check_positive_definite(covariances: Tensor) -> None:
    scale = covariances.abs().amax(dim=(1, 2), keepdim=True)
    if bool(((covariances - covariances.mT).abs() > 1e-5 * scale).any()):
        raise ValueError("covariances must be symmetric matrices")
    bad = torch.linalg.cholesky_ex(covariances).info.nonzero().flatten().tolist()
    if bad:
        least = torch.linalg.eigvalsh(covariances[bad[0]]).min()
        raise ValueError(
            f"covariances[{bad[0]}] has the eigenvalue {float(least):.3g}: a covariance must be"
            " positive definite"
        )
