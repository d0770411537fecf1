"""A deep orderless NADE: one network that answers in every order (Uria, Murray and Larochelle,
2014).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from distillery.models.bits import check_bits, check_order, check_size
from distillery.models.described import Described
from distillery.models.mlp import start_weights
from distillery.models.orders import order_as_json, order_from_json
from distillery.models.rbm import RBM
from distillery.models.stream import WithStream
from distillery.support.nearest import unknown

_NUMBERS = 2**21  # that an evaluation holds at once in its largest array
_ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}


class OrderlessNADE(Described, WithStream):
    """log p(x) = sum of log p(x_i | the pixels before it in an order), for every order, from one
    network of the pixels seen and which.

    In training mode a call gives an unbiased estimate of the mean of log p(x) over all orders, from
    one pass: the loss `KL` trains it in every order at once. A loss that is not linear in log p(x),
    such as `LogSquareError`, is biased by it. In evaluation mode a call gives `log_prob` in the
    order of its own, `order` (by default as the pixels stand). Where an order can be named, several
    can, one a row, (M, D): the distribution is then their mixture, the ensemble of the paper.
    `activation` is that of the first hidden layer, "relu" or "sigmoid"; later ones are rectified.
    """

    order: Tensor
    follows = ("order",)

    def __init__(
        self,
        visible: int,
        hidden: Sequence[int],
        *,
        rng: torch.Generator,
        order: Tensor | None = None,
        activation: str = "relu",
    ) -> None:
        check_size("visible", visible)
        _check_layers(hidden, activation)
        super().__init__(rng=rng)
        self.visible, self.activation = visible, activation
        self.register_buffer("order", check_order(order, visible).to(rng.device))
        self.first = nn.Linear(2 * visible, hidden[0], device=rng.device)
        deeper = [
            (nn.Linear(before, after, device=rng.device), nn.ReLU())
            for before, after in pairwise(hidden)
        ]
        layers = [layer for pair in deeper for layer in pair]
        self.between = nn.Sequential(_ACTIVATIONS[activation](), *layers)
        self.last = nn.Linear(hidden[-1], visible, device=rng.device)
        self._widest = max(hidden)
        start_weights(self, rng=rng)

    def arguments(self) -> dict[str, Any]:
        deeper = [layer for layer in self.between if isinstance(layer, nn.Linear)]
        hidden = [layer.out_features for layer in (self.first, *deeper)]
        sizes = {"visible": self.visible, "hidden": hidden, "activation": self.activation}
        return {**sizes, **order_as_json(self.order)}

    @classmethod
    def from_arguments(cls, *, order: Any = None, **sizes: Any) -> Self:
        return super().from_arguments(order=order_from_json(order), **sizes)

    @classmethod
    def from_rbm(
        cls,
        machine: RBM,
        hidden: Sequence[int],
        *,
        rng: torch.Generator,
        means: Tensor | None = None,
        order: Tensor | None = None,
    ) -> Self:
        """One mean-field step of the machine from whatever is seen: its hidden units are the first
        hidden layer, in sigmoids, and all deeper layers hand them on.

        A pixel that is not seen counts as its mean, (D,), or as nothing without `means`. Units
        beyond the machine's begin at random and silent; layers narrower than it are refused.
        """
        for width in hidden:
            if width < machine.hidden:
                raise ValueError(
                    f"hidden is {list(hidden)}: every layer needs at least as many units as the"
                    f" machine has, {machine.hidden}"
                )
        student = cls(machine.visible, hidden, rng=rng, order=order, activation="sigmoid")
        nothing = torch.zeros(machine.visible, device=rng.device)
        student._copy_machine(machine, nothing if means is None else means.to(rng.device))
        return student

    @torch.no_grad()
    def _copy_machine(self, machine: RBM, means: Tensor) -> None:
        units, weights = machine.hidden, machine.W.to(self.first.weight)
        if means.shape != (self.visible,):
            raise ValueError(f"means has shape {tuple(means.shape)}: ({self.visible},) is needed")
        means = means.to(weights)
        self.first.weight[:units, : self.visible] = weights.t()
        self.first.weight[:units, self.visible :] = -(weights * means[:, None]).t()
        self.first.bias[:units] = machine.b.to(weights) + means @ weights
        deeper = [layer for layer in self.between if isinstance(layer, nn.Linear)]
        for layer in deeper:
            layer.weight[:units] = torch.eye(units, layer.in_features).to(weights)
            layer.bias[:units] = 0
        self.last.weight.zero_()
        self.last.weight[:, :units] = weights
        self.last.bias.copy_(machine.a)

    def forward(self, x: Tensor) -> Tensor:
        return self.one_pass(x) if self.training else self.log_prob(x)

    def one_pass(self, x: Tensor) -> Tensor:
        """(B,): D / (D - d) times the log probability of the pixels outside a random subset of
        random size d < D, given the subset.

        Sizes are spread over a batch: uniform for each example, and as even as possible among all.
        """
        check_bits(x, self.visible)
        observed = self._random_subsets(len(x)).to(x.device)
        z = self.logits(x, observed)
        return (_log_probs(x, z) * ~observed).sum(1) * self.visible / (~observed).sum(1)

    def logits(self, x: Tensor, observed: Tensor) -> Tensor:
        """(B, D): of every pixel given the observed ones, whatever x holds elsewhere."""
        check_bits(x, self.visible)
        self._check_observed(observed, x)
        z: Tensor = self.last(self.between(self._see(x, observed)))
        return z.to(torch.promote_types(z.dtype, torch.float32))

    def log_prob(self, x: Tensor, order: Tensor | None = None) -> Tensor:
        """log p(x) in an order, exact, in nats, normalised: (B, D) bits to (B,); of several orders,
        the log of the mean probability.

        Costs one pass a pixel and order; without gradients memory does not grow with the number of
        pixels.
        """
        check_bits(x, self.visible)
        orders = self._orders(order)
        each = [
            torch.cat([self._log_prob(part, one) for part in x.split(self._rows())])
            for one in orders
        ]
        return torch.stack(each).logsumexp(0) - math.log(len(orders))

    def sample(self, n: int, *, rng: torch.Generator, order: Tensor | None = None) -> Tensor:
        """n exact samples, one pixel after another in the order, or each in one of several orders
        at random: (n, D) of uint8.
        """
        check_size("n", n)
        nothing = torch.zeros(n, self.visible, dtype=torch.uint8, device=self.order.device)
        return self.fill_in(nothing, nothing.bool(), rng=rng, order=order)

    @torch.no_grad()
    def fill_in(
        self, x: Tensor, observed: Tensor, *, rng: torch.Generator, order: Tensor | None = None
    ) -> Tensor:
        """Draws of the unobserved pixels given the observed ones, in any pattern: `observed` is
        bool, (B, D), or (D,) for all.

        Exact in the order that takes the observed pixels first and the others as `order` has them
        (of several orders, each example in one at random): what an order cannot do that is fixed
        before one knows which pixels are missing.
        """
        check_bits(x, self.visible)
        if observed.dtype == torch.bool and observed.shape == (self.visible,):
            observed = observed.expand(x.shape)
        self._check_observed(observed, x)
        orders = self._orders(order)
        chosen = orders[
            torch.randint(len(orders), (len(x),), generator=rng, device=rng.device).to(x.device)
        ]
        parts = zip(
            x.split(self._rows()),
            observed.split(self._rows()),
            chosen.split(self._rows()),
            strict=True,
        )
        return torch.cat([self._fill_in(*part, rng=rng) for part in parts])

    def _fill_in(
        self, x: Tensor, observed: Tensor, order: Tensor, *, rng: torch.Generator
    ) -> Tensor:
        filled = (x * observed).to(torch.uint8)
        W, V = self._additions()
        a = self._see(filled, observed)
        pixels = order.gather(
            1, observed.gather(1, order).byte().sort(stable=True, dim=1).indices
        )  # the unobserved come first
        missing, rows = self.visible - observed.sum(1), torch.arange(len(x), device=x.device)
        for k in range(int(missing.max()) if len(x) else 0):
            i, is_missing = pixels[:, k], k < missing
            probs = self._outputs(self.between(a), i).sigmoid()
            on = torch.rand(len(x), generator=rng, device=rng.device).to(x.device) < probs
            on &= is_missing
            filled[rows, i] |= on
            a = a + on[:, None] * W[i] + is_missing[:, None] * V[i]
        return filled

    def _log_prob(self, x: Tensor, order: Tensor) -> Tensor:
        """Some pixels at a time: pre-activations of the first layer are a running sum over the
        pixels seen.
        """
        bits = x.index_select(1, order)
        W, V = self._additions()
        a = self.first.bias.expand(len(x), -1)
        total = a.new_zeros(len(x))
        some = max(1, _NUMBERS // (self._widest * max(1, len(x))))
        for i, part in zip(order.split(some), bits.split(some, 1), strict=True):
            running = torch.cat([a[:, None], part[:, :, None] * W[i] + V[i]], 1).cumsum(1)
            z = self._outputs(self.between(running[:, :-1]), i)
            total = total + _log_probs(part, z).sum(1)
            a = running[:, -1]
        return total

    def _see(self, x: Tensor, observed: Tensor) -> Tensor:
        """(B, H): the pre-activations of the first hidden layer."""
        a: Tensor = self.first(torch.cat([x * observed, observed], 1).to(self.first.weight.dtype))
        return a

    def _additions(self) -> tuple[Tensor, Tensor]:
        """What a pixel adds to the pre-activations, (D, H): when it is on, and when it is seen at
        all.
        """
        W, V = self.first.weight.t().contiguous().split(self.visible)
        return W, V

    def _outputs(self, h: Tensor, pixels: Tensor) -> Tensor:
        """The logits of one pixel for each activation: (…, K, H) and (K,) give (…, K)."""
        return (h * self.last.weight[pixels]).sum(-1) + self.last.bias[pixels]

    def _random_subsets(self, n: int) -> Tensor:
        device = self.rng.device
        spread = torch.randperm(n, generator=self.rng, device=device) + torch.rand(
            (), generator=self.rng, device=device
        )
        sizes = (spread / max(1, n) * self.visible).long().clamp(max=self.visible - 1)
        places = torch.rand(n, self.visible, generator=self.rng, device=device).argsort(1)
        first = torch.arange(self.visible, device=device) < sizes[:, None]
        return torch.empty_like(first).scatter_(1, places, first)

    def _orders(self, order: Tensor | None) -> Tensor:
        """(M, D)."""
        if order is None:
            return self.order[None]
        rows = torch.as_tensor(order, device=self.order.device)
        rows = rows[None] if rows.dim() == 1 else rows
        if rows.dim() != 2 or len(rows) == 0:
            raise ValueError(
                f"order has shape {tuple(rows.shape)}: one order, ({self.visible},), or several,"
                f" (M, {self.visible}), are needed"
            )
        return torch.stack([check_order(row, self.visible) for row in rows])

    def _check_observed(self, observed: Tensor, x: Tensor) -> None:
        if observed.dtype != torch.bool or observed.shape != x.shape:
            got = f"{tuple(observed.shape)} and dtype {observed.dtype}"
            raise ValueError(
                f"observed has shape {got}: bool of shape {tuple(x.shape)} is needed, True where a"
                " pixel is seen"
            )

    def _rows(self) -> int:
        return max(1, _NUMBERS // (4 * self._widest))


def _check_layers(hidden: Sequence[int], activation: str) -> None:
    if len(hidden) == 0:
        raise ValueError("hidden is empty: the width of at least one hidden layer is needed")
    for width in hidden:
        check_size("hidden", width)
    if activation not in _ACTIVATIONS:
        raise ValueError(unknown("activation", activation, _ACTIVATIONS))


def _log_probs(x: Tensor, z: Tensor) -> Tensor:
    """Of every pixel, log p(x_i) when its logit is z_i."""
    return F.logsigmoid((2 * x.to(z.dtype) - 1) * z)
