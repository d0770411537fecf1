"""A teacher asked about many inputs at once."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor

from distillery.losses.outputs import wide
from distillery.protocols import Batch, Generator, Teacher


class Asked(Generator):
    """Inputs with the teacher's answers as `y`: another generator draws `at_once` of them at a
    time, the teacher is asked about all at once, and they are handed out in their order.

    A teacher of many networks asked about twenty inputs reads all its weights for each answer;
    asked about a thousand it reads them once. The teacher of the distillation is then `Recorded()`.
    With `slopes` y is (B, K, 1 + D): log probabilities, and their slopes with respect to the input
    as it lies in memory, for the teacher `RecordedSlopes()`. With `dtype` a copy of the teacher in
    that type is asked.
    """

    remembers = ("x", "y")

    def __init__(
        self,
        generator: Generator,
        teacher: Teacher,
        *,
        at_once: int = 1000,
        slopes: bool = False,
        dtype: torch.dtype | None = None,
    ) -> None:
        if at_once < 1:
            raise ValueError(f"at_once is {at_once!r}: at least one input is needed")
        self.generator = generator
        self.teacher = in_type(teacher, dtype)
        self.at_once, self.slopes, self.dtype = at_once, slopes, dtype
        self.x, self.y = torch.zeros(0), torch.zeros(0)

    def draw(self, n: int) -> Batch:
        while len(self.x) < n:
            self._ask(max(n, self.at_once))
        batch = Batch(self.x[:n], self.y[:n])
        self.x, self.y = self.x[n:], self.y[n:]
        return batch

    def _ask(self, n: int) -> None:
        """Draw n inputs, and keep them with their answers behind those that are left."""
        batch = self.generator.draw(n)
        answer = ask(self.teacher, batch, slopes=self.slopes, dtype=self.dtype)
        left = len(self.x) > 0
        self.x = torch.cat([self.x, batch.x]) if left else batch.x
        self.y = torch.cat([self.y, answer]) if left else answer


@torch.no_grad()
def ask(
    teacher: Teacher, batch: Batch, *, slopes: bool, dtype: torch.dtype | None = None
) -> Tensor:
    """The teacher's answers in float32; with `slopes` (B, K, 1 + D).

    The inputs are handed over in `dtype`, which is the teacher's.
    """
    batch = batch if dtype is None else replace(batch, x=batch.x.to(dtype))
    if not slopes:
        answer: Tensor = wide(teacher(batch))
        return answer
    known = teacher.log_slopes(batch)
    if known is None:
        name = type(teacher).__name__
        raise ValueError(
            f"slopes is True, but the {name} does not know its slopes: Frozen or Average of ReLU"
            " networks is needed"
        )
    log_probs, slopes_of_each = known
    return torch.cat([log_probs[..., None], slopes_of_each.flatten(2)], -1)


def in_type(teacher: Teacher, dtype: torch.dtype | None) -> Teacher:
    """The teacher itself, or a copy of it in another type."""
    return teacher if dtype in (None, torch.float32) else copy.deepcopy(teacher).to(dtype)
