"""Inputs drawn from a density that everybody can sample."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from distillery.protocols import Batch, Generator, check_rng
from distillery.support.shown import shown


class Noise(Generator):
    """Independent normal inputs, N(mean, scale^2 I), of the given shape."""

    def __init__(
        self,
        shape: Sequence[int] | int,
        *,
        rng: torch.Generator,
        mean: float | Tensor = 0.0,
        scale: float | Tensor = 1.0,
    ) -> None:
        if not bool((torch.as_tensor(scale) > 0).all()):
            raise ValueError(f"scale is {shown(scale)}: a positive standard deviation is needed")
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.mean, self.scale = mean, scale
        self.rng = check_rng(rng)

    def draw(self, n: int) -> Batch:
        standard = torch.randn((n, *self.shape), generator=self.rng, device=self.rng.device)
        return Batch(standard * self.scale + self.mean)


class Uniform(Generator):
    """Independent inputs, uniform between `low` and `high`, of the given shape."""

    def __init__(
        self,
        shape: Sequence[int] | int,
        *,
        rng: torch.Generator,
        low: float = 0.0,
        high: float = 1.0,
    ) -> None:
        if not low < high:
            raise ValueError(f"low is {low!r}, high is {high!r}: low must be below high")
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.low, self.high = low, high
        self.rng = check_rng(rng)

    def draw(self, n: int) -> Batch:
        shares = torch.rand((n, *self.shape), generator=self.rng, device=self.rng.device)
        return Batch(shares * (self.high - self.low) + self.low)
