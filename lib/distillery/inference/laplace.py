"""Laplace's approximation: a Gaussian at the mode of the logistic posterior, with the curvature
found there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from distillery.inference.logistic_gaussian import Method, predicted
from distillery.models.bayes import LogisticPosterior


@dataclass(frozen=True)
class Laplace:
    """N(w | mean, covariance), mean being the mode; `gradient_norm` at the mode says how well it
    was found.
    """

    mean: Tensor
    covariance: Tensor
    log_evidence: float
    steps: int
    gradient_norm: float

    def log_probs(self, x: Tensor, *, method: Method = "quadrature") -> Tensor:
        """Log probabilities of the two classes, (B, 2) (thesis, equations 3.47 and 3.48)."""
        return predicted(x, self.mean, self.covariance, method)

    def probs(self, x: Tensor, *, method: Method = "quadrature") -> Tensor:
        """The probability of y = 1, (B,)."""
        return self.log_probs(x, method=method)[:, 1].exp()


def laplace(posterior: LogisticPosterior, *, steps: int = 100, tolerance: float = 1e-10) -> Laplace:
    """The mode of log p(y, w | X) by Newton's method, and the Gaussian with its Hessian (MacKay
    1992; the thesis' rivals, section 3.3.4).

    The log posterior is strictly concave, so a Newton step that is halved until it does not descend
    always arrives.
    """
    w = torch.zeros(posterior.dimension, dtype=torch.float64)
    value, gradient = posterior.value_and_gradient(w)
    for step in range(steps):  # noqa: B007
        direction = torch.linalg.solve(curvature(posterior, w), gradient)
        gain = float(gradient @ direction)
        if gain < tolerance**2:
            break
        w, value, gradient = _uphill(posterior, w, value, direction, gain)
    covariance = torch.linalg.inv(curvature(posterior, w))
    log_evidence = float(value) + 0.5 * (
        posterior.dimension * math.log(2 * math.pi) + float(torch.logdet(covariance))
    )
    return Laplace(w, covariance, log_evidence, step, float(gradient.norm()))


def curvature(posterior: LogisticPosterior, w: Tensor) -> Tensor:
    """Minus the Hessian of log p(y, w | X), sum_n sigmoid(z_n) sigmoid(-z_n) x_n x_n^T + I /
    prior_variance.
    """
    z = posterior.signed @ w
    prior = torch.eye(posterior.dimension, dtype=torch.float64) / posterior.prior_variance
    return (
        posterior.signed.T
        @ (torch.sigmoid(z) * torch.sigmoid(-z)).unsqueeze(1).mul(posterior.signed)
        + prior
    )


def _uphill(
    posterior: LogisticPosterior, w: Tensor, value: Tensor, direction: Tensor, gain: float
) -> tuple[Tensor, Tensor, Tensor]:
    size = 1.0
    while True:
        there = w + size * direction
        new_value, gradient = posterior.value_and_gradient(there)
        if float(new_value) >= float(value) + 1e-4 * size * gain or size < 1e-8:
            return there, new_value, gradient
        size /= 2
