"""Inverse temperatures from 0 (the base) to 1 (the target): where annealing takes its steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def uniform(steps: int) -> Tensor:
    """0 to 1 in equal steps."""
    _check_steps(steps)
    return torch.linspace(0, 1, steps + 1, dtype=torch.float64)


def salakhutdinov_murray(steps: int = 14_500) -> Tensor:
    """500 parts of the steps from 0 to 0.5, 4,000 from 0.5 to 0.9, 10,000 from 0.9 to 1
    (Salakhutdinov and Murray, 2008).
    """
    _check_steps(steps, least=3)
    first, second = max(1, round(steps * 500 / 14_500)), max(1, round(steps * 4_000 / 14_500))
    runs = [(0.0, 0.5, first), (0.5, 0.9, second), (0.9, 1.0, steps - first - second)]
    return torch.cat(
        [
            torch.zeros(1, dtype=torch.float64),
            *(torch.linspace(low, high, n + 1, dtype=torch.float64)[1:] for low, high, n in runs),
        ]
    )


def even_in_difficulty(temperatures: Tensor, variances: Tensor, steps: int) -> Tensor:
    """Steps equal in thermodynamic length: short where the slope d log p / d beta varies most
    between chains.

    `variances` are those of a pilot run at each of its `temperatures`; a step's cost in variance is
    its squared length, so equal lengths are best (Neal, 2001; Gelman and Meng, 1998).
    """
    _check_steps(steps)
    betas = check_temperatures(temperatures)
    speed = variances.double().clamp(min=0).sqrt()
    if speed.shape != betas.shape or not bool(speed.isfinite().all()):
        raise ValueError(
            f"variances has shape {tuple(variances.shape)}: one finite number a temperature,"
            f" {len(betas)}, is needed"
        )
    speed = speed + 1e-3 * speed.mean() + 1e-12  # no stretch is left without a step
    length = torch.cat(
        [torch.zeros(1, dtype=torch.float64), torch.cumulative_trapezoid(speed, betas)]
    )
    wanted = torch.linspace(0, 1, steps + 1, dtype=torch.float64) * length[-1]
    index = torch.searchsorted(length, wanted).clamp(1, len(betas) - 1)
    share = (wanted - length[index - 1]) / (length[index] - length[index - 1])
    placed = betas[index - 1] + share.clamp(0, 1) * (betas[index] - betas[index - 1])
    placed[0], placed[-1] = 0.0, 1.0
    return placed


def check_temperatures(temperatures: Any) -> Tensor:
    """Rising from 0 to 1."""
    betas = torch.as_tensor(temperatures, dtype=torch.float64)
    if (
        betas.dim() != 1
        or len(betas) < 2
        or betas[0] != 0
        or betas[-1] != 1
        or not bool((betas.diff() > 0).all())
    ):
        raise ValueError(
            f"temperatures of shape {tuple(betas.shape)} must rise from 0 to 1, two numbers or"
            " more: see distillery.partition.temperatures"
        )
    return betas


def _check_steps(steps: Any, least: int = 1) -> None:
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < least:
        raise ValueError(f"steps is {steps!r}: a whole number of at least {least} is needed")
