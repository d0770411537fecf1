"""Few items unlike one another: determinantal point processes of fixed size (Kulesza and Taskar,
2011).

A k-DPP takes the set S of k items with probability det(L_S) / e_k, where L is the matrix of
similarities and e_k the k-th elementary symmetric polynomial of its eigenvalues. Polynomials are
kept as logarithms, for they leave the range of floats at a few hundred items; groups are worked on
together.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from distillery.models.bits import check_size

_RELATIVE = 1e-12  # of the largest eigenvalue: below that an eigenvalue is rounding


def k_dpp(kernels: Tensor, k: int, *, chances: Tensor) -> Tensor:
    """A draw from the k-DPP of every kernel (G, m, m), exactly: the places of k items, (G, k).

    `chances` (G, 2 k) are uniform numbers in [0, 1), float64: all that is random about it. Half of
    them choose k eigenvectors, half the items that these span.
    """
    _check(kernels, k)
    if chances.shape != (len(kernels), 2 * k):
        raise ValueError(
            f"chances have shape {tuple(chances.shape)}: {(len(kernels), 2 * k)}, two an item, is"
            " needed"
        )
    values, vectors = torch.linalg.eigh(kernels.double())
    logs = log_elementary(_spectrum(values), k)
    if not bool(torch.isfinite(logs[:, k, -1]).all()):
        raise ValueError(f"k is {k}: every kernel must have at least that rank")
    chances = 1 - chances.to(kernels.device)  # in (0, 1]
    chosen = _eigenvectors(logs, chances[:, :k])
    spanned = vectors.gather(2, chosen[:, None].expand(-1, vectors.shape[1], -1))
    return _items(spanned, chances[:, k:])


def greedy_k_dpp(kernels: Tensor, k: int) -> Tensor:
    """The places of k items of every kernel (G, m, m), each raising log det(L_S) most (Chen et al.,
    2018): (G, k).
    """
    _check(kernels, k)
    kernels = kernels.double()
    left = kernels.diagonal(dim1=1, dim2=2).clone()
    least = left.amax(1, keepdim=True) * _RELATIVE
    rows, columns = (
        torch.arange(len(kernels), device=kernels.device),
        kernels.new_zeros((*kernels.shape[:2], 0)),
    )
    picks: list[Tensor] = []
    for _ in range(k):
        gains = torch.where(left > least, left.log(), -torch.inf)
        best, pick = gains.max(1)
        if not bool(torch.isfinite(best).all()):
            raise ValueError(f"k is {k}: every kernel must have at least that rank")
        columns = _eliminated(kernels[rows, pick], columns, pick)
        left = (left - columns[..., -1].square()).scatter(1, pick[:, None], -1.0)
        picks.append(pick)
    return torch.stack(picks, 1)


def log_elementary(log_values: Tensor, k: int) -> Tensor:
    """(G, k + 1, m + 1): the log of e_j of the first n values at [:, j, n], from logs (G, m).

    A set of j of the first n values has a last member i, and the others come before it: e_j^n is
    the sum over i <= n of value i times e_(j-1)^(i-1), a running sum.
    """
    groups, m = log_values.shape
    levels = [log_values.new_zeros((groups, m + 1))]
    nothing = log_values.new_full((groups, 1), -torch.inf)
    for _ in range(k):
        ending_here = log_values + levels[-1][:, :-1]
        levels.append(torch.cat([nothing, ending_here.logcumsumexp(1)], 1))
    return torch.stack(levels, 1)


def _eigenvectors(logs: Tensor, chances: Tensor) -> Tensor:
    """(G, k): which ones, the last first: the last of j has a place up to n with probability
    e_j^n / e_j^N.
    """
    groups, k = chances.shape
    before = torch.full((groups, 1), logs.shape[2] - 1, device=logs.device)
    chosen = []
    for j in range(k, 0, -1):
        level = logs[:, j].contiguous()
        aim = level.gather(1, before) + chances[:, k - j, None].log()
        before = torch.searchsorted(level, aim) - 1
        chosen.append(before)
    return torch.cat(chosen, 1)


def _items(vectors: Tensor, chances: Tensor) -> Tensor:
    """A draw from the projection onto k orthonormal vectors (G, m, k): each item in proportion to
    what the ones before it leave of its length.
    """
    rows = torch.arange(len(vectors), device=vectors.device)
    left = vectors.square().sum(2)
    columns, picks = vectors[..., :0], list[Tensor]()
    for t in range(chances.shape[1]):
        running = left.cumsum(1)
        pick = torch.searchsorted(running, running[:, -1:] * chances[:, t, None]).squeeze(1)
        products = torch.bmm(vectors, vectors[rows, pick][:, :, None]).squeeze(2)
        columns = _eliminated(products, columns, pick)
        left = (left - columns[..., -1].square()).clamp(min=0).scatter(1, pick[:, None], 0.0)
        picks.append(pick)
    return torch.stack(picks, 1)


def _eliminated(products: Tensor, columns: Tensor, pick: Tensor) -> Tensor:
    """One more column of the Cholesky factor, whose pivot is the item picked: `products` (G, m) are
    its similarities.
    """
    rows = torch.arange(len(pick), device=pick.device)
    rest = products - torch.bmm(columns, columns[rows, pick][:, :, None]).squeeze(2)
    return torch.cat([columns, (rest / rest[rows, pick, None].sqrt())[..., None]], 2)


def _spectrum(values: Tensor) -> Tensor:
    """Logs of eigenvalues; those that are rounding become those of nothing."""
    largest = values.abs().amax(1, keepdim=True)
    if bool((values < -1e-6 * largest).any()):
        worst = float((values / largest).min())
        raise ValueError(
            f"an eigenvalue is {worst:.3g} of the largest: a kernel must be positive semidefinite"
        )
    return torch.where(values > _RELATIVE * largest, values.log(), -math.inf)


def _check(kernels: Tensor, k: int) -> None:
    check_size("k", k)
    if kernels.dim() != 3 or kernels.shape[1] != kernels.shape[2]:
        raise ValueError(
            f"similarities have shape {tuple(kernels.shape)}: (groups, items, items) is needed"
        )
    if k > kernels.shape[1]:
        raise ValueError(
            f"k is {k}: a group has {kernels.shape[1]} items, at most as many are needed"
        )
    if not bool(torch.isfinite(kernels).all()):
        raise ValueError("similarities hold NaN or infinity: every one must be a number")
