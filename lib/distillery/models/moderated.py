"""Moderated logistic units: each stands for a Gaussian cloud of weights instead of a single weight
vector.
"""

from __future__ import annotations

import math
from typing import Any, Self

import torch
from torch import Tensor, nn

from distillery.models.described import Described
from distillery.models.logistic import mean_log_probs


class MeanOfModerated(Described, nn.Module):
    """f(x) = 1/K sum_k sigmoid(m_k . x / sqrt(1 + pi/8 x^T S_k x)): a mean of MacKay's
    approximations (thesis, equation 3.48).

    A unit with S_k = 0 is a plain logistic unit. Far from the origin a plain unit is a step, and a
    mean of K of them a staircase; a moderated unit tends to a slope that depends on the direction
    alone. S_k = L_k L_k^T, `spreads` holding L_k (lower triangles).
    """

    def __init__(self, means: Tensor, spreads: Tensor) -> None:
        super().__init__()
        units, inputs = means.shape if means.dim() == 2 else (0, 0)
        if not units or not inputs or spreads.shape != (units, inputs, inputs):
            raise ValueError(
                f"means has shape {tuple(means.shape)} and spreads {tuple(spreads.shape)}: (K, D)"
                " and (K, D, D) are needed"
            )
        if not bool(means.isfinite().all() and spreads.isfinite().all()):
            raise ValueError(
                "means or spreads hold a number that is not finite: only finite ones are allowed"
            )
        row, column = torch.tril_indices(inputs, inputs)
        self.means = nn.Parameter(means.detach().clone())
        self.triangles = nn.Parameter(spreads.detach()[:, row, column].clone())

    @classmethod
    def at_random(
        cls,
        units: int,
        inputs: int,
        *,
        rng: torch.Generator,
        scale: float = 1.0,
        dtype: torch.dtype = torch.float64,
    ) -> MeanOfModerated:
        """Means from N(0, scale^2 I) and spreads of `scale` times the unit matrix, a start for
        distillation.
        """
        means = scale * torch.randn(units, inputs, generator=rng, dtype=dtype)
        return cls(means, scale * torch.eye(inputs, dtype=dtype).expand(units, inputs, inputs))

    def arguments(self) -> dict[str, Any]:
        units, inputs = self.means.shape
        return {"units": units, "inputs": inputs}

    @classmethod
    def from_arguments(cls, *, units: int, inputs: int) -> Self:  # type: ignore[override]
        return cls(torch.zeros(units, inputs), torch.zeros(units, inputs, inputs))

    @property
    def spreads(self) -> Tensor:
        """L_k, lower triangular, (K, D, D)."""
        units, inputs = self.means.shape
        row, column = torch.tril_indices(inputs, inputs)
        return torch.zeros_like(self.means[:, :, None].expand(units, inputs, inputs)).index_put(
            (torch.arange(units)[:, None], row, column), self.triangles
        )

    def forward(self, x: Tensor) -> Tensor:
        """The log probabilities of the two classes, (B, 2)."""
        units, inputs = self.means.shape
        if x.dim() != 2 or x.shape[1] != inputs:
            raise ValueError(f"x has shape {tuple(x.shape)}, but the units read {inputs} inputs")
        x = x.to(self.means.dtype)
        variance = (
            (x @ self.spreads.transpose(0, 1).reshape(inputs, -1))
            .reshape(len(x), units, inputs)
            .square()
            .sum(-1)
        )
        return mean_log_probs(x @ self.means.T * (1 + math.pi / 8 * variance).rsqrt())

    def probs(self, x: Tensor) -> Tensor:
        """f(x), the probability of y = 1, (B,)."""
        return self(x)[:, 1].exp()
