"""Grey pictures from a distribution over bits."""

from __future__ import annotations

import torch

from distillery.models.nade import NADE
from distillery.protocols import Batch, Generator, check_rng


class Conditionals(Generator):
    """The conditional probabilities p(x_i = 1 | x_<i) that a NADE drew each of its samples with,
    (n, D) (thesis, section 2.2.3, Figure 2.4).

    Samples lie in the corners of a cube; these lie within it, as pictures do. `shape` is that of a
    picture, () for rows of pixels.
    """

    def __init__(self, nade: NADE, *, rng: torch.Generator, shape: tuple[int, ...] = ()) -> None:
        self.nade = nade
        self.rng = check_rng(rng)
        self.shape = shape or (nade.visible,)

    def draw(self, n: int) -> Batch:
        _, conditionals = self.nade.sample_with_conditionals(n, rng=self.rng)
        return Batch(conditionals.reshape(n, *self.shape))
