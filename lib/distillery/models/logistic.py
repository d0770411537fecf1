"""Logistic units: one posterior draw as a teacher, and the mean of a few units as the compact
classifier of section 3.3.

Both answer with log probabilities of the two classes, (B, 2), columns y = 0 and y = 1: normalised,
so they serve as logits too.
"""

from __future__ import annotations

import math
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from distillery.models.described import Described
from distillery.protocols import Batch, Teacher


class MeanOfLogistics(Described, nn.Module):
    """f(x) = 1/K sum_k sigmoid(w_k . x), computed as logarithms of f and of 1 - f (thesis, equation
    3.44).

    With ten units it is the compact classifier; with every draw of a chain as its weights it is the
    Monte Carlo estimate of the predictive distribution itself (equation 3.32), the teacher of batch
    distillation.
    """

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        if weights.dim() != 2 or 0 in weights.shape or not bool(weights.isfinite().all()):
            raise ValueError(
                f"weights has shape {tuple(weights.shape)}: finite numbers, one row a unit, (K, D),"
                " are needed"
            )
        self.weights = nn.Parameter(weights.detach().clone())

    @classmethod
    def at_random(
        cls,
        units: int,
        inputs: int,
        *,
        rng: torch.Generator,
        scale: float = 1.0,
        dtype: torch.dtype = torch.float64,
    ) -> MeanOfLogistics:
        """Units with weights from N(0, scale^2 I), a start for distillation."""
        return cls(scale * torch.randn(units, inputs, generator=rng, dtype=dtype))

    def arguments(self) -> dict[str, Any]:
        units, inputs = self.weights.shape
        return {"units": units, "inputs": inputs}

    @classmethod
    def from_arguments(cls, *, units: int, inputs: int) -> Self:  # type: ignore[override]
        return cls(torch.zeros(units, inputs))

    def forward(self, x: Tensor) -> Tensor:
        """The log probabilities of the two classes, (B, 2)."""
        if x.dim() != 2 or x.shape[1] != self.weights.shape[1]:
            raise ValueError(
                f"x has shape {tuple(x.shape)}, but the units read {self.weights.shape[1]} inputs"
            )
        return mean_log_probs(x.to(self.weights.dtype) @ self.weights.T)

    def probs(self, x: Tensor) -> Tensor:
        """f(x), the probability of y = 1, (B,)."""
        return self(x)[:, 1].exp()


class PosteriorLogistic(Teacher):
    """t(x, w) = sigmoid(w . x) with the posterior draw w riding in `batch.draw` (thesis, equation
    3.36).

    One draw an input is exact for cross entropy, which is linear in the teacher's probabilities
    (equation 3.40), and for the derivative loss under teacher weighting (3.24), whose gradient is
    linear in them too; under uniform weighting (2.18) it is biased.
    """

    def forward(self, batch: Batch) -> Tensor:
        """The log probabilities of the two classes, (B, 2)."""
        if batch.draw is None:
            raise ValueError(
                "batch.draw is None: PosteriorLogistic reads one posterior draw an example from it"
            )
        if batch.draw.shape != batch.x.shape:
            raise ValueError(
                f"batch.draw has shape {tuple(batch.draw.shape)}: one draw an input,"
                f" {tuple(batch.x.shape)}, is needed"
            )
        z = (batch.x.to(batch.draw.dtype) * batch.draw).sum(-1, keepdim=True)
        return F.logsigmoid(torch.cat([-z, z], dim=-1))


def mean_log_probs(z: Tensor) -> Tensor:
    """Logarithms of the means of sigmoid(-z) and of sigmoid(z) over units, (B, K) -> (B, 2)."""
    both = torch.stack([-z, z], dim=-1)
    return F.logsigmoid(both).logsumexp(-2) - math.log(z.shape[-1])
