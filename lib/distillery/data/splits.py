"""Examples set aside for choosing among settings, so that the test set is used once, at the end."""

from __future__ import annotations

import torch
from torch import Tensor


def holdout(n: int, fraction: float, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """0, …, n - 1 parted at random into those to train on and round(fraction * n) to validate on,
    each in increasing order.
    """
    held = round(fraction * n) if 0 < fraction < 1 else 0
    if not 0 < held < n:
        raise ValueError(
            f"fraction is {fraction} of n = {n} examples, which leaves one part empty; it must lie"
            " between 0 and 1, and part them"
        )
    mixed = torch.randperm(n, generator=rng, device=rng.device)
    return mixed[held:].sort().values, mixed[:held].sort().values
