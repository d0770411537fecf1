"""What a curriculum chose last before each mark."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from distillery.protocols import Batch, Generator
from distillery.tools.compress.recipes import as_bytes

LAST = 16  # examples a student that are kept before each mark


class Watched(Generator):
    """Hands on what another generator draws, an example a step for each of `students`, and keeps a
    copy of the last ones before each mark: `pictures`, uint8 (marks, students, LAST, …).

    A mark of fewer steps than are kept leaves the rest black.
    """

    remembers = ("steps", "pictures")

    def __init__(self, generator: Generator, students: int, marks: Sequence[int]) -> None:
        self.generator, self.students, self.marks = generator, students, list(marks)
        self.steps = 0
        self.pictures: Tensor = torch.zeros(0)

    def draw(self, n: int) -> Batch:
        batch = self.generator.draw(n)
        if n != self.students:
            raise ValueError(f"n is {n}: one example for each of {self.students} students is kept")
        self.steps += 1
        self._keep(batch.x)
        return batch

    def _keep(self, x: Tensor) -> None:
        if len(self.pictures) == 0:
            shape = (len(self.marks), self.students, LAST, *x.shape[1:])
            self.pictures = torch.zeros(shape, dtype=torch.uint8)
        for place, mark in enumerate(self.marks):
            before = mark - self.steps
            if 0 <= before < LAST:
                self.pictures[place, :, LAST - 1 - before] = as_bytes(x).cpu()
