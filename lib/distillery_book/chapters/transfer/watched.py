"""What a curriculum chose last before each mark."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from distillery.protocols import Batch, Generator
from distillery.tools.compress.recipes import as_bytes

LAST = 20  # examples a student that are kept before each mark


class Watched(Generator):
    """Hands on what another generator draws, equally many examples for each of `students`, and
    keeps a copy of the last ones before each mark, a number of examples a student: `pictures`,
    uint8 (marks, students, LAST, …).

    Before a mark of fewer examples than are kept the rest is black.
    """

    remembers = ("seen", "pictures", "latest")

    def __init__(self, generator: Generator, students: int, marks: Sequence[int]) -> None:
        self.generator, self.students, self.marks = generator, students, list(marks)
        self.seen = 0
        self.pictures: Tensor = torch.zeros(0)
        self.latest: Tensor = torch.zeros(0)

    def draw(self, n: int) -> Batch:
        if n % self.students:
            raise ValueError(f"n is {n}: a multiple of the {self.students} students is needed")
        batch = self.generator.draw(n)
        self.seen += n // self.students
        self._keep(batch.x)
        return batch

    def _keep(self, x: Tensor) -> None:
        drawn = x.reshape(self.students, -1, *x.shape[1:])
        if len(self.latest) == 0:
            self.latest = torch.zeros(self.students, LAST, *x.shape[1:], dtype=torch.uint8)
            shape = (len(self.marks), *self.latest.shape)
            self.pictures = torch.zeros(shape, dtype=torch.uint8)
        if not any(0 <= mark - self.seen < LAST for mark in self.marks):
            return  # nothing is kept of what lies far from a mark
        newest = as_bytes(drawn[:, -LAST:]).cpu()
        self.latest = torch.cat([self.latest, newest], 1)[:, -LAST:]
        if self.seen in self.marks:
            self.pictures[self.marks.index(self.seen)] = self.latest
