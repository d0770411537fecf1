"""Hints: a teacher's layer guessed from a student's, and the square error of the guess."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from distillery.losses.layers import BetweenLayers, Pair
from distillery.losses.outputs import wide
from distillery.models import heads
from distillery.models.heads import Head


class Hints(BetweenLayers):
    """Half the square error of a head's guess, the mean over all entries of the teacher's layer: a
    Gaussian of unit variance (Ahn et al., 2019, equation 7, up to its constant).

    With one 1x1 convolution a pair it is FitNet as a regulariser (Romero et al., 2015). With a
    linear head from what the student's classifier takes in to the teacher's logits, learning
    without forgetting (Li and Hoiem, 2017). The paper sums over entries where this takes the mean,
    so that weights mean the same for layers of any size.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        *,
        rng: torch.Generator,
        head: Head = heads.single,
        weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__(pairs, weights)
        self.heads = nn.ModuleList(head(pair.ours, pair.theirs, rng) for pair in pairs)

    def between(self, theirs: Tensor, ours: Tensor, place: int) -> Tensor:
        layer = self.pairs[place].teacher
        guess = wide(heads.answered(self.heads[place], ours, theirs, layer=layer))
        return 0.5 * (theirs - guess).square().flatten(1).mean(1)
