"""What chapter 7 shows: densities over x, the shares of every mean, the six orders."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from distillery.inference.chain_average import ChainAverage, order_shares
from distillery.inference.mixture_truth import MixtureTruth
from distillery.models.bayes import MEANS, MixturePosterior
from distillery.models.mixture import Mixture

X = torch.linspace(-15, 15, 241, dtype=torch.float64)
EDGES = torch.linspace(-15, 15, 121, dtype=torch.float64)


def pictures(
    target: MixturePosterior,
    truth: MixtureTruth,
    states: Tensor,
    densities: Mapping[str, Mixture | ChainAverage],
) -> dict[str, Tensor]:
    """Densities at X, the shares of every mean between EDGES by the chain and exactly, the
    probabilities of the six orders.
    """
    true = target.given(torch.tensor(MEANS, dtype=torch.float64))
    lines = {"exact": truth, "true": true, **densities}
    drawn = {
        f"density_{name}": line.log_prob(X).detach().exp().half() for name, line in lines.items()
    }
    orders = [list(order_shares(states).values()), list(truth.orders.values())]
    return {
        **drawn,
        "means_chain": torch.stack([_counted(column) for column in _columns(states)]).half(),
        "means_exact": torch.stack([_share(*truth.marginal(k)) for k in range(3)]).half(),
        "orders": torch.tensor(orders),
        "data": target.x[:50].half(),
    }


def _columns(states: Tensor) -> Tensor:
    """The states of all chains, a row for each mean."""
    return states.reshape(-1, 3).T.contiguous()


def _counted(values: Tensor) -> Tensor:
    """The shares of the values between EDGES."""
    return torch.histogram(values, EDGES).hist / values.numel()


def _share(nodes: Tensor, masses: Tensor) -> Tensor:
    """The masses of evenly spaced nodes as shares between EDGES, the density being a straight line
    from node to node.
    """
    middles = (EDGES[1:] + EDGES[:-1]) / 2
    densities = masses / (nodes[1] - nodes[0])
    at_middles = np.interp(middles.numpy(), nodes.numpy(), densities.numpy(), left=0.0, right=0.0)
    return torch.from_numpy(at_middles) * (EDGES[1] - EDGES[0])
