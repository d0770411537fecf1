"""Gradient descent as residual networks are trained, with the exceptions that losses need."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from distillery.losses.information import Information


def sgd(
    student: nn.Module,
    loss: nn.Module,
    *,
    rate: float,
    momentum: float = 0.9,
    weight_decay: float = 5e-4,
) -> torch.optim.SGD:
    """Nesterov's momentum over all that student and loss learn (Zagoruyko and Komodakis, 2016).

    Weights decay, the variances of `Information` never do: decay would pull their alphas to 0,
    which is a variance like any other.
    """
    spared = {id(p) for p in _alphas(loss)}
    learned = [p for owner in (student, loss) for p in owner.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in learned if id(p) not in spared], "weight_decay": weight_decay},
        {"params": [p for p in learned if id(p) in spared], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(
        [group for group in groups if group["params"]], lr=rate, momentum=momentum, nesterov=True
    )


def _alphas(loss: nn.Module) -> Iterator[nn.Parameter]:
    for part in loss.modules():
        if isinstance(part, Information):
            yield from part.alphas
