"""A loss asks teacher and student about a batch, and says how far apart their answers are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn

from distillery.losses.outputs import with_slopes
from distillery.protocols import Batch, check_rng


class Loss(nn.Module, ABC):
    """The mean over a batch of a discrepancy between teacher and student.

    `each` is all that a loss must define: one value an example, (B,), or (S, B) for a `Bank` of S
    students. What a loss must learn is `loss.parameters()`. A loss that needs derivatives with
    respect to the input says so in `needs_slopes`.
    """

    needs_slopes = False

    @abstractmethod
    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        """The discrepancy at every example, (B,), or (S, B) for a bank."""

    def forward(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        return self.each(teacher, student, batch).mean(-1)

    def __add__(self, other: Loss) -> Sum:
        return Sum([(1.0, self)]) + other

    def __rmul__(self, weight: float) -> Sum:
        return Sum([(float(weight), self)])

    __mul__: Any = __rmul__


class RandomLoss(Loss):
    """A loss that draws for itself: checkpoints keep its random stream, and probes leave it as they
    found it.
    """

    def __init__(self, rng: torch.Generator) -> None:
        super().__init__()
        self.rng = check_rng(rng)

    def get_extra_state(self) -> Tensor:
        return self.rng.get_state()

    def set_extra_state(self, state: Tensor) -> None:
        self.rng.set_state(state)


class Sum(Loss):
    """A weighted sum of losses, `0.9 * a + 0.1 * b`.

    Its terms share one run of each network (see `once`).
    """

    def __init__(self, terms: list[tuple[float, Loss]]) -> None:
        super().__init__()
        self.weights = [weight for weight, _ in terms]
        self.terms = nn.ModuleList(term for _, term in terms)

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        # Before the first term, so that all terms ask about the same tensor.
        if any(getattr(part, "needs_slopes", False) for part in self.modules()):
            batch = with_slopes(batch)
        values = [weight * term.each(teacher, student, batch) for weight, term in self._weighted()]
        return sum(values[1:], start=values[0])

    def __add__(self, other: Loss) -> Sum:
        others = other._weighted() if isinstance(other, Sum) else [(1.0, other)]
        return Sum(self._weighted() + others)

    def __rmul__(self, factor: float) -> Sum:
        return Sum([(factor * weight, term) for weight, term in self._weighted()])

    __mul__: Any = __rmul__

    def _weighted(self) -> list[tuple[float, Loss]]:
        """The terms, each with its weight."""
        terms = cast(Iterable[Loss], self.terms)
        return list(zip(self.weights, terms, strict=True))
