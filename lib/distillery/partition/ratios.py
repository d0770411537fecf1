"""log p̄(x) - log q(x): the one column of numbers from which every estimator here reads log Z."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


@torch.no_grad()
def log_ratios(target: Any, proposal: Any, x: Tensor, *, batch_size: int = 500) -> Tensor:
    """log_density_target(x) - log_prob_proposal(x) of every state, (N,) in float64.

    At states drawn from the proposal its mean is a lower bound of log Z and its exponential
    averages to Z; at states drawn from the target its mean is an upper bound (thesis, section
    4.2.4).
    """
    parts = [
        target.log_density(some).double() - proposal.log_prob(some).double()
        for some in x.split(batch_size)
    ]
    return torch.cat(parts)
