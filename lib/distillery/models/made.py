"""MADE: an autoregressive distribution over bits in one pass of a masked network (Germain, Gregor,
Murray and Larochelle, 2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from distillery.models.bits import check_bits, check_order, check_size
from distillery.models.described import Described
from distillery.models.orders import order_as_json, order_from_json


class MADE(Described, nn.Module):
    """log p(x) = sum of log p(x_i | the pixels before it), all conditionals from one network:
    deeper than NADE, as exact.

    A hidden unit of degree m sees the pixels of `order` up to place m, and speaks to later ones
    alone; degrees are spread evenly. Evaluating costs one pass, sampling one pass a pixel.
    """

    order: Tensor
    follows = ("order", "mask")

    def __init__(
        self,
        visible: int,
        hidden: Sequence[int],
        *,
        rng: torch.Generator,
        order: Tensor | None = None,
    ) -> None:
        super().__init__()
        check_size("visible", visible)
        for width in hidden:
            check_size("hidden", width)
        self.visible = visible
        self.register_buffer("order", check_order(order, visible))
        place = torch.empty_like(self.order)
        place[self.order] = torch.arange(visible, device=self.order.device)
        degrees = [place, *(_spread(width, visible) for width in hidden)]
        layers = [
            Masked(later[:, None] >= earlier, rng=rng) for earlier, later in pairwise(degrees)
        ]
        self.layers = nn.ModuleList([*layers, Masked(place[:, None] > degrees[-1], rng=rng)])

    def arguments(self) -> dict[str, Any]:
        hidden = [layer.bias.numel() for layer in self.layers[:-1] if isinstance(layer, Masked)]
        return {"visible": self.visible, "hidden": hidden, **order_as_json(self.order)}

    @classmethod
    def from_arguments(cls, *, order: Any = None, **sizes: Any) -> Self:
        return super().from_arguments(order=order_from_json(order), **sizes)

    def forward(self, x: Tensor) -> Tensor:
        return self.log_prob(x)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) of every example, in nats, normalised: (B, D) bits to (B,)."""
        z = self.logits(x)
        return (x.to(z.dtype) * z - F.softplus(z)).sum(1)

    def logits(self, x: Tensor) -> Tensor:
        """(B, D): of every pixel, given the pixels before it in the order."""
        check_bits(x, self.visible)
        h = x.to(next(self.parameters()).dtype)
        for layer in self.layers[:-1]:
            h = layer(h).relu()
        z: Tensor = self.layers[-1](h)
        return z

    def conditionals(self, x: Tensor) -> Tensor:
        """probs (B, D) of p(x_i = 1 | the pixels before it)."""
        return self.logits(x).sigmoid()

    @torch.no_grad()
    def sample(self, n: int, *, rng: torch.Generator) -> Tensor:
        """n exact samples, (n, D) of uint8."""
        check_size("n", n)
        x = torch.zeros(n, self.visible, dtype=torch.uint8, device=self.order.device)
        for pixel in self.order.tolist():
            uniforms = torch.rand(n, generator=rng, device=x.device)
            x[:, pixel] = uniforms < self.logits(x)[:, pixel].sigmoid()
        return x


class Masked(nn.Module):
    """A linear layer some of whose weights do not exist."""

    mask: Tensor

    def __init__(self, mask: Tensor, *, rng: torch.Generator) -> None:
        super().__init__()
        self.register_buffer("mask", mask.to(rng.device))
        fan_in = mask.sum(1).clamp(min=1).to(rng.device)
        self.weight = nn.Parameter(
            torch.randn(mask.shape, generator=rng, device=rng.device)
            * (2 / fan_in[:, None]) ** 0.5
            * self.mask
        )
        self.bias = nn.Parameter(torch.zeros(len(mask), device=rng.device))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.mask, self.bias)


def _spread(width: int, visible: int) -> Tensor:
    """Degrees from 0 to visible - 2, evenly: a unit of degree m sees the pixels 0 to m."""
    return torch.arange(width) * max(1, visible - 1) // width
