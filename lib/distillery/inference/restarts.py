"""EM from several starts, the likeliest going on; and many points on a line gathered, so that this
costs little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from distillery.inference import em
from distillery.models.mixture import Mixture

NARROWEST = 0.02  # of the variance of the points: a start's component may be that narrow


def varied_starts(
    x: Tensor, components: int, number: int, *, rng: torch.Generator
) -> list[Mixture]:
    """Starts whose means are spread over the points and whose variances differ: a broad component
    may hold narrow ones.
    """
    starts = [em.spread_start(x, components, rng=rng) for _ in range(number)]
    return [_narrowed(start, rng) for start in starts]


def likeliest(
    x: Tensor,
    starts: Sequence[Mixture],
    *,
    counts: Tensor | None = None,
    steps: int = 300,
    then: int = 5000,
) -> em.Fit:
    """Of several starts the one of the highest likelihood after `steps` steps of EM, continued by
    `then` more at most.
    """
    if len(starts) > 1:
        fits = [em.fit(x, start, steps=steps, tolerance=1e-9, counts=counts) for start in starts]
        starts = [max(fits, key=lambda fit: float(fit.log_likelihoods[-1])).mixture]
    return em.fit(x, starts[0], steps=then, tolerance=1e-11, counts=counts)


def gathered(
    x: Tensor, before: tuple[Tensor, Tensor] | None = None, *, bins: int = 2000
) -> tuple[Tensor, Tensor]:
    """Many points (N, 1) on a line as the means (M, 1) and counts (M,) of narrow bins: EM on these
    is all but EM on all.

    `before` is what was gathered earlier, from a stream whose points are not kept.
    """
    if x.dim() != 2 or x.shape[1] != 1 or bins < 1:
        raise ValueError(
            f"x has shape {tuple(x.shape)} and bins is {bins}: points on a line, (N, 1), and at"
            " least one bin are needed"
        )
    points, counts = x[:, 0].double(), torch.ones(len(x), dtype=torch.float64)
    if before is not None:
        points, counts = torch.cat([before[0][:, 0], points]), torch.cat([before[1], counts])
    low, high = points.min(), points.max()
    index = ((points - low) / (high - low).clamp_min(1e-300) * bins).long()
    totals, sums = (
        torch.bincount(index, weights=counts),
        torch.bincount(index, weights=counts * points),
    )
    kept = totals > 0
    return (sums[kept] / totals[kept])[:, None], totals[kept]


def _narrowed(start: Mixture, rng: torch.Generator) -> Mixture:
    shares = (
        torch.rand(start.components, generator=rng, dtype=torch.float64) * math.log(NARROWEST)
    ).exp()
    return Mixture(
        start.weights.detach(),
        start.means.detach(),
        start.covariances.detach() * shares[:, None, None],
    )
