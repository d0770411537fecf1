"""Data as a generator."""

from __future__ import annotations

import torch
from torch import Tensor

from distillery.protocols import Batch, Exhausted, Generator, check_rng


class Resample(Generator):
    """Examples of a data set, every one once before any comes again, or with replacement (thesis,
    equation 2.21).

    The data stay where they are, on their device and as small as they came: pictures in uint8 leave
    as floats in [0, 1]. With `passes` the generator is exhausted after so many passes; what is left
    over at the end of the last and does not fill a batch is not handed out. `passes=None` goes on
    for ever, and a batch may span the end of a pass.
    """

    remembers = ("order", "position", "passes_begun")

    def __init__(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        rng: torch.Generator,
        replacement: bool = False,
        passes: int | None = None,
    ) -> None:
        if len(x) == 0:
            raise ValueError("x is empty: a data set of at least one example is needed")
        if y is not None and len(y) != len(x):
            raise ValueError(f"y has {len(y)} entries, x has {len(x)} examples: as many are needed")
        if passes is not None and (passes < 1 or replacement):
            raise ValueError(
                f"passes is {passes!r} with replacement={replacement}: a pass is counted without"
                " replacement, from 1"
            )
        self.x, self.y = x, y
        self.rng = check_rng(rng)
        self.replacement, self.passes = replacement, passes
        self.order = torch.zeros(0, dtype=torch.int64, device=rng.device)
        self.position, self.passes_begun = 0, 0

    def draw(self, n: int) -> Batch:
        index = self._with_replacement(n) if self.replacement else self._without(n)
        index = index.to(self.x.device)
        answers = None if self.y is None else self.y[index]
        return Batch(as_unit(self.x[index]), answers)

    def _with_replacement(self, n: int) -> Tensor:
        return torch.randint(len(self.x), (n,), generator=self.rng, device=self.rng.device)

    def _without(self, n: int) -> Tensor:
        """The next n places in the order of the pass, and of the next where this one ends."""
        parts = []
        left = len(self.order) - self.position
        if self.passes is not None and n > left + len(self.x) * (self.passes - self.passes_begun):
            raise Exhausted(
                f"Resample: {self.passes} passes over {len(self.x)} examples have ended"
            )
        while n > 0:
            if self.position == len(self.order):
                self.order = torch.randperm(len(self.x), generator=self.rng, device=self.rng.device)
                self.position, self.passes_begun = 0, self.passes_begun + 1
            taken = self.order[self.position : self.position + n]
            self.position += len(taken)
            n -= len(taken)
            parts.append(taken)
        return torch.cat(parts)


def as_unit(x: Tensor) -> Tensor:
    """Bytes as floats in [0, 1]; anything else as it is."""
    return x.float().div_(255) if x.dtype == torch.uint8 else x
