"""Slopes of ReLU networks in closed form: between its kinks such a network is a product of masked
matrices.

Where a loss compares slopes this spares the double backward pass: the slope is itself a formula of
weights, differentiated once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from distillery.models.mlp import MLP

AT_ONCE = 100  # inputs of an ensemble


def is_relu_network(network: nn.Module) -> bool:
    """Whether `linearized` knows the network: linear layers with ReLUs between them, as `MLP` has
    them or in an `nn.Sequential`.
    """
    return _steps(network) is not None


@dataclass(frozen=True, eq=False)
class Linearized:
    """A ReLU network as it is around some inputs: its outputs there (B, K), and its slope d outputs
    / dx = W_L M_{L-1} … M_1 W_1.

    The diagonal M have ones where a unit is on. At a kink the slope is that of the side where the
    unit is off, as torch has it.
    """

    outputs: Tensor
    ran: Sequence[
        tuple[nn.Linear, Tensor | None]
    ]  # each linear layer, and which of its units are on
    shape: torch.Size

    def pull(self, rows: Tensor) -> Tensor:
        """v · d outputs / dx for rows v (B, I, K): (B, I, …)."""
        return (self.before_first(rows) @ self.ran[0][0].weight).unflatten(-1, self.shape)

    def before_first(self, rows: Tensor) -> Tensor:
        """The same with respect to what the first layer puts out, (B, I, H)."""
        for layer, on in reversed(self.ran[1:]):
            rows = (rows if on is None else rows * on[:, None]) @ layer.weight
        on = self.ran[0][1]
        return rows if on is None else rows * on[:, None]


def linearized(network: nn.Module, x: Tensor) -> Linearized:
    """A ReLU network around its inputs x.

    Differentiable in the weights, not in x; under autocast the products are in its type.
    """
    steps = _steps(network)
    if steps is None:
        raise ValueError(
            f"network is a {type(network).__name__}: linear layers with ReLUs between are needed,"
            " as in MLP"
        )
    h, ran = x.detach().flatten(1), list[tuple[nn.Linear, Tensor | None]]()
    for layer, bends in steps:
        h = F.linear(h, layer.weight, layer.bias)
        ran.append((layer, h > 0 if bends else None))
        h = h.relu() if bends else h
    return Linearized(h, ran, x.shape[1:])


def log_slopes(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """log softmax of a ReLU network's outputs, (B, K), and its slope: d log f_i = sum_k (δ_ik -
    f_k) d output_k, (B, K, …).
    """
    around = linearized(network, x)
    log_probs = _wide(around.outputs).log_softmax(-1)
    return log_probs, _wide(around.pull(_of_softmax(log_probs).to(around.outputs.dtype)))


def mean_log_slopes(networks: Sequence[nn.Module], x: Tensor) -> tuple[Tensor, Tensor]:
    """The same for the log of the mean probability t = 1/N sum_n f_n: d log t_i = sum_n f_n,i / (N
    t_i) d log f_n,i (thesis, 2.15).

    The sum over networks is taken by the first layer's product, all networks' weights below each
    other; a few inputs at a time, so that what lies between the products stays in the cache.
    """
    firsts = [
        steps[0][0].weight if (steps := _steps(network)) else torch.empty(0) for network in networks
    ]
    first = torch.cat(firsts) if len(firsts) > 1 else firsts[0]
    parts = [_mean_log_slopes(networks, part, first) for part in x.split(AT_ONCE)]
    log_probs, slopes = (torch.cat(each) for each in zip(*parts, strict=True))
    return log_probs, slopes.unflatten(-1, x.shape[1:])


def _mean_log_slopes(
    networks: Sequence[nn.Module], x: Tensor, first: Tensor
) -> tuple[Tensor, Tensor]:
    around = [linearized(network, x) for network in networks]
    each = torch.stack([_wide(one.outputs).log_softmax(-1) for one in around])
    shares = each.log_softmax(0).exp()  # f_n,i / (N t_i): they add up to one over the networks
    rows = (shares[..., None] * torch.stack([_of_softmax(log_probs) for log_probs in each])).to(
        around[0].outputs.dtype
    )
    hidden = torch.cat([one.before_first(row) for one, row in zip(around, rows, strict=True)], -1)
    return each.logsumexp(0) - math.log(len(networks)), _wide(hidden @ first)


def _of_softmax(log_probs: Tensor) -> Tensor:
    """d log f_i / d output_k = δ_ik - f_k, (B, K, K)."""
    return (
        torch.eye(log_probs.shape[-1], dtype=log_probs.dtype, device=log_probs.device)
        - log_probs.exp()[:, None, :]
    )


def _wide(values: Tensor) -> Tensor:
    """Half precision as float32; the losses, which have the same, import this file."""
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values


def _steps(network: nn.Module) -> list[tuple[nn.Linear, bool]] | None:
    """Each linear layer, and whether a ReLU follows it; None where anything else happens on the
    way.
    """
    steps: list[tuple[nn.Linear, bool]] = []
    for layer in _layers(network):
        if type(layer) is nn.Linear:
            steps.append((layer, False))
        elif type(layer) is nn.ReLU and steps:
            steps[-1] = (steps[-1][0], True)
        elif not (type(layer) is nn.Identity or (type(layer) is nn.Flatten and not steps)):
            return None
    return steps or None


def _layers(network: nn.Module) -> list[nn.Module]:
    inside = network.layers if type(network) is MLP else network
    return (
        [one for layer in inside for one in _layers(layer)]
        if type(inside) is nn.Sequential
        else [inside]
    )
