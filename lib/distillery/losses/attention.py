"""Attention transfer: where a layer is active, whatever its channels (Zagoruyko and Komodakis,
2017).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from distillery.losses.layers import BetweenLayers, Pair, channelled


class Attention(BetweenLayers):
    """The square distance between two attention maps, a layer's squares summed over its channels
    and brought to unit length.

    The maps have no negative entries, so it lies between 0 and 2. It learns nothing of its own.
    """

    def __init__(self, pairs: Sequence[Pair], weights: Sequence[float] | None = None) -> None:
        super().__init__(pairs, weights)
        for pair in pairs:
            pair.check_places(loss="Attention")

    def between(self, theirs: Tensor, ours: Tensor, place: int) -> Tensor:
        return (attention(theirs) - attention(ours)).square().sum(1)


def attention(output: Tensor) -> Tensor:
    """The attention map of a layer, (B, places), of unit length."""
    return F.normalize(channelled(output).square().sum(1), dim=1)
