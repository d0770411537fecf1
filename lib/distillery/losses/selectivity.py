"""Neuron selectivity transfer: which patterns a layer's channels pick out, whatever their order
(Huang and Wang, 2017).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from distillery.losses.layers import BetweenLayers, Pair, channelled


class Selectivity(BetweenLayers):
    """The squared maximum mean discrepancy between the channels of two layers, each channel's map
    being one sample of unit length; the kernel is (x'y)^2.

    It learns nothing of its own.
    """

    def __init__(self, pairs: Sequence[Pair], weights: Sequence[float] | None = None) -> None:
        super().__init__(pairs, weights)
        for pair in pairs:
            pair.check_places(loss="Selectivity")

    def between(self, theirs: Tensor, ours: Tensor, place: int) -> Tensor:
        first = F.normalize(channelled(theirs), dim=2)
        second = F.normalize(channelled(ours), dim=2)
        return _kernel(first, first) + _kernel(second, second) - 2 * _kernel(first, second)


def _kernel(first: Tensor, second: Tensor) -> Tensor:
    """The mean of the kernel over pairs of channels, (B,)."""
    return torch.bmm(first, second.transpose(1, 2)).square().mean((1, 2))
