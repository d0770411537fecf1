"""Losses between densities: the student's is normalised, the teacher's need not be.

The teacher answers a batch with its log density, up to a constant; the student answers inputs with its log probability.
The inputs are drawn from the teacher: a chain is the generator.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from distillery.losses.loss import Loss
from distillery.protocols import Batch


class KL(Loss):
    """KL(teacher || student) up to the teacher's entropy: -log p_student(x) for x drawn from the teacher (thesis, equation 4.7)."""

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        log_prob: Tensor = student(batch.x)
        return -log_prob


class LogSquareError(Loss):
    """Half the square of log p_student(x) - log_density_teacher(x) + c (thesis, equation 4.9).

    Its minimum is the teacher whenever c <= log Z (proposition 4.1), as it is when c is the greatest log density found anywhere. A gap
    log Z - c weighs in the KL divergence: E = E0 + (log Z - c) KL + (log Z - c)^2 / 2 (equation 4.10).
    """

    def __init__(self, c: float) -> None:
        super().__init__()
        if not math.isfinite(c):
            raise ValueError(f"c is {c!r}: a finite number is needed, at most log Z")
        self.c = float(c)

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        log_density = teacher(batch).detach()
        log_prob: Tensor = student(batch.x)
        return 0.5 * (log_prob - (log_density - self.c).to(log_prob.dtype)).square()
