"""How good a student of an ensemble is: on pictures, with errors over them as in the thesis, and
against another network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distillery import metrics
from distillery.generators.resample import as_unit


@torch.no_grad()
def at_once(student: nn.Module, x: Tensor, y: Tensor) -> list[float]:
    """Accuracy and log probability of a student on pictures: a point of its curve."""
    logits = student(as_unit(x))
    return [metrics.accuracy(logits, y).value, metrics.mean_log_prob(logits, y).value]


def measured(name: str, logits: Tensor, y: Tensor) -> dict[str, float]:
    """Accuracy and log probability with their errors, under a name (Tables 2.1, 2.2 and 2.5)."""
    right, sure = metrics.accuracy(logits.detach(), y), metrics.mean_log_prob(logits.detach(), y)
    return {
        f"accuracy_{name}": right.value,
        f"accuracy_{name}_se": right.error,
        f"log_prob_{name}": sure.value,
        f"log_prob_{name}_se": sure.error,
    }


@torch.no_grad()
def gained(
    name: str, student: nn.Module, rival: nn.Module, *, x: Tensor, y: Tensor
) -> dict[str, float]:
    """How much better than another network, that trained on labels say, paired over test images
    (Tables 2.3 and 2.4).
    """
    mine, theirs = student(as_unit(x)), rival(as_unit(x))
    gains: dict[str, float] = {}
    for key, measure in (("accuracy", metrics.correct), ("log_prob", metrics.log_prob_of)):
        gain = metrics.paired_difference(measure(mine, y), measure(theirs, y))
        gains[f"{key}_gain_{name}"] = gain.value
        gains[f"{key}_gain_{name}_se"] = gain.error
    return gains
