"""log Z exactly, by adding up all states: for machines with at most 20 units on one side, and for
any density over at most 20 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from distillery.models.rbm import RBM

MOST = 20
_AT_ONCE = 2**13


@torch.no_grad()
def exact_log_z(machine: RBM) -> float:
    """log of the sum over h of exp(b h) times the product over i of (1 + exp((W h + a)_i)), or the
    same with sides exchanged.
    """
    W, a, b = (value.detach().double().cpu() for value in (machine.W, machine.a, machine.b))
    if len(b) > len(a):
        W, a, b = W.t(), b, a
    _check("min(visible, hidden)", len(b))
    parts = [
        (h @ b + F.softplus(h @ W.t() + a).sum(1)).logsumexp(0) for h in _states(len(b), W.dtype)
    ]
    return torch.stack(parts).logsumexp(0).item()


@torch.no_grad()
def exact_log_sum(log_density: Callable[[Tensor], Tensor], visible: int) -> float:
    """log of the sum over all states of exp(log_density), for any density over few bits: 0 where it
    is normalised.
    """
    _check("visible", visible)
    parts = [log_density(x).double().logsumexp(0) for x in _states(visible, torch.float32)]
    return torch.stack(parts).logsumexp(0).item()


def every_state(bits: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """All states (2^bits, bits), counting upwards with the first bit the most significant."""
    _check("bits", bits)
    return torch.cat(list(_states(bits, dtype)))


def _states(bits: int, dtype: torch.dtype) -> Iterator[Tensor]:
    powers = torch.arange(bits - 1, -1, -1)
    for numbers in torch.arange(2**bits).split(_AT_ONCE):
        yield ((numbers[:, None] >> powers) & 1).to(dtype)


def _check(name: str, bits: int) -> None:
    if not 1 <= bits <= MOST:
        raise ValueError(
            f"{name} is {bits}: 1 to {MOST} can be enumerated; use distillery.partition's annealed"
            " or bridge estimates beyond"
        )
