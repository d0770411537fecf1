"""Few items unlike one another: the minimum sum of squared similarities.

Two are taken at random; then, again and again, of a random fraction of the rest the one whose sum
of squared similarities (dot products) to those already taken is least. The sum runs: each item
taken adds its similarities, none is worked out twice. The best of a random fraction is found
without drawing the fraction: its rank among the rest has a known distribution, so that one random
number decides.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from distillery.models.bits import check_size
from distillery.support.machine_code import VECTORS, compiled

FRACTION = 0.5  # of the rest, considered at each step; the papers do not say


def msss(vectors: Tensor, k: int, *, chances: Tensor, fraction: float = FRACTION) -> Tensor:
    """Of every group of m `vectors` (G, m, d) the places of k, (G, k), in the order taken.

    `chances` (G, k) are uniform numbers in [0, 1), float64: all that is random about it. With
    `fraction` 1 only the first two are.
    """
    _check(vectors, k, chances, fraction)
    m = vectors.shape[1]
    ranks = _ranks(m, k, fraction)
    if vectors.device.type == "cpu" and vectors.dtype == torch.float32:
        return _by_machine_code(vectors, chances, ranks)
    return _by_tensors(vectors, chances, ranks)


def _by_tensors(vectors: Tensor, chances: Tensor, ranks: np.ndarray) -> Tensor:
    """The same on any device: all groups take their next item together."""
    chances = chances.to(vectors.device)
    rows = torch.arange(len(vectors), device=vectors.device)
    picks: list[Tensor] = []
    sums = vectors.new_zeros(vectors.shape[:2])
    for t in range(chances.shape[1]):
        pick = _pick(sums, picks, chances[:, t], ranks)
        picks.append(pick)
        squares = torch.bmm(vectors, vectors[rows, pick][:, :, None]).squeeze(2).square()
        _check_squares(bool(torch.isfinite(squares).all()))
        sums = (sums + squares).scatter(1, pick[:, None], torch.inf)
    return torch.stack(picks, 1)


def _pick(sums: Tensor, before: list[Tensor], chance: Tensor, ranks: np.ndarray) -> Tensor:
    """(G,): the next item of every group."""
    m = sums.shape[1]
    if not before:
        return (chance * m).long()
    if len(before) == 1:
        other = (chance * (m - 1)).long()
        return other + (other >= before[0])
    bounds = torch.as_tensor(ranks[len(before) - 2], device=sums.device)
    rank = torch.searchsorted(bounds, chance.contiguous(), right=True)
    return sums.argsort(dim=1, stable=True).gather(1, rank[:, None]).squeeze(1)


def _by_machine_code(vectors: Tensor, chances: Tensor, ranks: np.ndarray) -> Tensor:
    picks = torch.empty(chances.shape, dtype=torch.int64)
    arrays = (vectors.detach().contiguous().numpy(), chances.numpy(), ranks, picks.numpy())
    _check_squares(_compiled()(*arrays))
    return picks


def _take(vectors: Any, chances: Any, ranks: Any, picks: Any, add: Any, nth: Any) -> Any:
    """Fills `picks`; False if the square of a similarity was not a finite number."""
    m = vectors.shape[1]
    sums, finite = np.zeros(m, np.float32), True
    for g in range(len(vectors)):
        sums[:] = 0
        for t in range(chances.shape[1]):
            if t == 0:
                pick = int(chances[g, 0] * m)
            elif t == 1:
                pick = int(chances[g, 1] * (m - 1))
                pick += pick >= picks[g, 0]
            else:
                pick = nth(sums, np.searchsorted(ranks[t - 2], chances[g, t], side="right"))
            picks[g, t] = pick
            finite = add(vectors[g], pick, sums) and finite
    return finite


def _nth(sums: Any, rank: Any) -> Any:
    """The place of the smallest, second smallest, … sum."""
    lowest, place = -np.inf, -1
    for _ in range(rank + 1):
        best, at = np.inf, -1
        for i in range(len(sums)):
            after = sums[i] > lowest or (sums[i] == lowest and i > place)
            if after and sums[i] < best:
                best, at = sums[i], i
        lowest, place = best, at
    return place


def _add(vectors: Any, pick: Any, sums: Any) -> Any:
    """Adds the squares of all similarities to the item picked, which itself is out from now on."""
    total = np.float32(0)
    for i in range(len(vectors)):
        product = np.float32(0)
        for j in range(vectors.shape[1]):
            product += vectors[i, j] * vectors[pick, j]
        sums[i] += product * product
        total += product * product
    sums[pick] = np.inf
    return np.isfinite(total)


@functools.cache
def _compiled() -> Any:
    take, add, nth = compiled(_take), compiled(_add, **VECTORS), compiled(_nth)
    return lambda *arrays: take(*arrays, add, nth)


@functools.lru_cache(maxsize=64)
def _ranks(m: int, k: int, fraction: float) -> np.ndarray:
    """(k - 2, m): for each pick after the second the probability that the best of a random fraction
    of the rest has at most each rank.

    Of r left over q = ceil(fraction · r) are looked at: all q are behind the j best with
    probability C(r - j, q) / C(r, q).
    """
    table = np.ones((max(0, k - 2), m))
    for t, row in enumerate(table):
        left = m - 2 - t
        looked_at = max(1, math.ceil(fraction * left - 1e-9))
        for j in range(1, left + 1):
            row[j - 1] = 1 - math.comb(left - j, looked_at) / math.comb(left, looked_at)
    return table


def _check(vectors: Tensor, k: int, chances: Tensor, fraction: float) -> None:
    check_size("k", k)
    if vectors.dim() != 3 or not vectors.is_floating_point():
        raise ValueError(
            f"vectors have shape {tuple(vectors.shape)} and dtype {vectors.dtype}: floats"
            " (groups, items, features) are needed"
        )
    if k > vectors.shape[1]:
        raise ValueError(
            f"k is {k}: a group has {vectors.shape[1]} items, at most as many are needed"
        )
    if chances.shape != (len(vectors), k):
        raise ValueError(
            f"chances have shape {tuple(chances.shape)}: {(len(vectors), k)}, one a pick, is needed"
        )
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction is {fraction!r}: a share above 0 and at most 1 is needed")


def _check_squares(finite: bool) -> None:
    if not finite:
        raise ValueError("similarities hold NaN or infinity: candidates must be vectors of numbers")
