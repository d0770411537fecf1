"""Losses between densities: the student's is normalised, the teacher's need not be.

The teacher answers a batch with its log density, up to a constant; the student answers inputs with
its log probability. The inputs are drawn from the teacher: a chain is the generator.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from distillery.losses.loss import Loss
from distillery.losses.outputs import matched
from distillery.protocols import Batch


class KL(Loss):
    """KL(teacher || student) up to the teacher's entropy: -log p_student(x) for x drawn from the
    teacher (thesis, equation 4.7).
    """

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        log_prob: Tensor = student(batch.x)
        return -log_prob


class SoftBits(Loss):
    """KL(teacher || student), up to a constant, of a student that takes bits one after another: its
    logits against probabilities of each.

    The teacher answers a batch with (B, D) probabilities that know more than the bits before: those
    given the hidden units that made x (`Given`). Their mean given the bits before is the teacher's
    own conditional, so the gradient is that of `KL` and varies less.
    """

    def each(self, teacher: nn.Module, student: Any, batch: Batch) -> Tensor:
        if not hasattr(student, "logits"):
            raise TypeError(
                f"SoftBits: student {type(student).__name__} has no logits(x): a NADE or a MADE is"
                " needed, not a Bank"
            )
        logits: Tensor = student.logits(batch.x)
        probs = matched(teacher(batch).detach(), logits, loss="SoftBits").to(logits.dtype)
        return F.binary_cross_entropy_with_logits(logits, probs, reduction="none").sum(-1)


class LogSquareError(Loss):
    """Half the square of log p_student(x) - log_density_teacher(x) + c (thesis, equation 4.9).

    Its minimum is the teacher whenever c <= log Z (proposition 4.1), as it is when c is the
    greatest log density found anywhere. A gap log Z - c weighs in the KL divergence: E = E0 + (log
    Z - c) KL + (log Z - c)^2 / 2 (equation 4.10).
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
