"""Data as an ensemble's member sees them."""

from __future__ import annotations

import torch
from torch import Tensor

from distillery.generators.resample import Resample, as_unit
from distillery.protocols import Batch, Generator, check_rng


class Bootstrap(Generator):
    """A bootstrap of a data set: as many examples as it has, drawn once with replacement; then
    every one of these once before any comes again (thesis, section 2.2.1).

    The draw and the order of every pass are from `rng`: a member's stream decides what it learns
    from. The data are not copied.
    """

    remembers = ("index",)

    def __init__(
        self, x: Tensor, y: Tensor | None = None, *, rng: torch.Generator, passes: int | None = None
    ) -> None:
        if y is not None and len(y) != len(x):
            raise ValueError(f"y has {len(y)} entries, x has {len(x)} examples: as many are needed")
        check_rng(rng)
        self.places = Resample(torch.arange(len(x), device=rng.device), rng=rng, passes=passes)
        self.x, self.y = x, y
        self.index = torch.randint(len(x), (len(x),), generator=rng, device=rng.device)

    def draw(self, n: int) -> Batch:
        index = self.index[self.places.draw(n).x].to(self.x.device)
        answers = None if self.y is None else self.y[index]
        return Batch(as_unit(self.x[index]), answers)
