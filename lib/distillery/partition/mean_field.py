"""A base for annealing that needs no data: independent bits as likely as the machine's own, by the
mean-field equations.
"""

from __future__ import annotations

import torch
from torch import Tensor

from distillery.models.rbm import RBM
from distillery.samplers.density import check_count


@torch.no_grad()
def mean_field_rates(machine: RBM, *, sweeps: int = 200, damping: float = 0.5) -> Tensor:
    """The visible biases of the independent bits that a mean field settles at: each layer's
    probabilities given those of the other, again and again.

    Of a machine with several modes it finds one, near which paths then start. `damping` is the
    share of the old probabilities that every sweep keeps.
    """
    check_count("sweeps", sweeps)
    if not 0 <= damping < 1:
        raise ValueError(f"damping is {damping!r}: a share from 0 to below 1 is needed")
    W, a, b = (value.detach().double() for value in (machine.W, machine.a, machine.b))
    visible = a.sigmoid()
    hidden = (visible @ W + b).sigmoid()
    for _ in range(sweeps):
        visible = damping * visible + (1 - damping) * (hidden @ W.t() + a).sigmoid()
        hidden = damping * hidden + (1 - damping) * (visible @ W + b).sigmoid()
    return hidden @ W.t() + a
