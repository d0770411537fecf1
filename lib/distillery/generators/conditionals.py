"""Grey pictures from a distribution over bits."""

from __future__ import annotations

import torch

from distillery.models.nade import NADE
from distillery.protocols import Batch, Generator


class Conditionals(Generator):
    """Of every sample of a NADE the conditional probabilities p(x_i = 1 | x_<i) that it was drawn
    with, (n, D) (thesis, 2.2.3, Figure 2.4).

    Samples lie in the corners of a cube; these lie within it, as pictures do. `shape` is that of a
    picture, () for rows of pixels.
    """

    def __init__(self, nade: NADE, *, rng: torch.Generator, shape: tuple[int, ...] = ()) -> None:
        self.nade, self.rng, self.shape = nade, rng, shape or (nade.visible,)

    def draw(self, n: int) -> Batch:
        return Batch(self.nade.sample_with_conditionals(n, rng=self.rng)[1].reshape(n, *self.shape))
