"""What a bag of posterior draws predicts: the mixture with K components a draw, 30,000 of them in
the thesis (equation 3.6).
"""

from __future__ import annotations

import math
from itertools import permutations

import torch
from torch import Tensor

from distillery.models.bayes import MixturePosterior

# a coordinate: at a spacing below a fiftieth of a component's width, the density is right to 1e-4
# of itself
BINS = 2000


class ChainAverage:
    """p_MC(x) = 1/S sum_s p(x | w_s) of states (..., K) of a chain (thesis, equation 3.6).

    Components of equal variance whose means share a narrow bin are evaluated as one, at the mean of
    their means; draws are from the bag.
    """

    def __init__(self, posterior: MixturePosterior, states: Tensor) -> None:
        self.posterior, self.states = posterior, states.reshape(-1, posterior.dimension).double()
        parts = zip(self.states.T, posterior.weights, posterior.variances, strict=True)
        each = [
            _components(column, float(weight), float(variance))
            for column, weight, variance in parts
        ]
        self._nodes, self._precisions, self._heights = (
            torch.cat(values) for values in zip(*each, strict=True)
        )

    @property
    def numbers(self) -> int:
        """How many numbers the bag holds."""
        return self.states.numel()

    def log_prob(self, x: Tensor) -> Tensor:
        """log p_MC(x) at points (B,) or (B, 1): (B,)."""
        parts = (
            x.detach().double().reshape(-1, 1).split(200)
        )  # so many at a time as fit in a cache; far out, sums of exponentials vanish
        return torch.cat(
            [
                (
                    (part - self._nodes).square_().mul_(self._precisions).add_(self._heights)
                ).logsumexp(1)
                for part in parts
            ]
        )

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """n draws, (n, 1): a state of the bag, then x given it."""
        return self.posterior.simulate(
            self.states[torch.randint(len(self.states), (n,), generator=rng)], rng
        )


def order_shares(states: Tensor) -> dict[tuple[int, ...], float]:
    """How often the means stand in each order, from left to right, among states (..., K);
    `MixtureTruth.orders` is the truth.
    """
    found = states.reshape(-1, states.shape[-1]).argsort(1)
    orders = permutations(range(states.shape[-1]))
    return {order: float((found == torch.tensor(order)).all(1).double().mean()) for order in orders}


def _components(values: Tensor, weight: float, variance: float) -> tuple[Tensor, Tensor, Tensor]:
    """Of the values in each of many narrow bins: their mean, minus half the precision, the
    logarithm of the height of what stands there.
    """
    low, high = values.min(), values.max()
    index = ((values - low) / (high - low).clamp_min(1e-300) * BINS).long().clamp(max=BINS - 1)
    counts, sums = torch.bincount(index).double(), torch.bincount(index, weights=values)
    kept = counts > 0
    heights = (counts[kept] * (weight / len(values) / math.sqrt(2 * math.pi * variance))).log()
    return sums[kept] / counts[kept], torch.full_like(heights, -0.5 / variance), heights
