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


def per_class(labels: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """Of each class the first `count` examples in one random order of all, their places in
    increasing order.

    The same stream gives the same order whatever the count: a smaller choice lies in a larger one.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"count is {count!r}: a whole number of at least 1 is needed")
    mixed = torch.randperm(len(labels), generator=rng, device=rng.device).to(labels.device)
    chosen = []
    for label in labels.unique().tolist():
        places = mixed[labels[mixed] == label]
        if len(places) < count:
            raise ValueError(
                f"count is {count}, but class {label} has {len(places)} examples: at most as many"
                " as the smallest class has are allowed"
            )
        chosen.append(places[:count])
    return torch.cat(chosen).sort().values
