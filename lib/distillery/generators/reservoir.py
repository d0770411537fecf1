"""A reservoir: a fixed number of places, and of a stream of any length each example in one of them
equally likely (Vitter, 1985, algorithm R).
"""

from __future__ import annotations

import torch
from torch import Tensor


def reservoir_places(count: int, capacity: int, *, rng: torch.Generator, seen: int = 0) -> Tensor:
    """For each of the next `count` examples the place that it takes, or -1 where it is not kept;
    `seen` came before.

    Nothing here depends on what the examples are, so that all places may be drawn ahead; drawn in
    parts, by one stream, they are the same. A later example may take the place of an earlier one.
    """
    if count < 0 or capacity < 1 or seen < 0:
        raise ValueError(
            f"count is {count}, capacity {capacity}, seen {seen}: a capacity of at least 1 and no"
            " negative numbers are needed"
        )
    order = torch.arange(seen, seen + count, device=rng.device)
    chances = torch.rand(count, generator=rng, dtype=torch.float64, device=rng.device)
    drawn = (chances * (order + 1)).long()
    places = torch.where(order < capacity, order, drawn)
    return torch.where(places < capacity, places, -1)


def last_of_each(places: Tensor) -> tuple[Tensor, Tensor]:
    """Which examples are still there at the end, and their places: of several in one place the
    last.
    """
    kept = {place: i for i, place in enumerate(places.tolist()) if place >= 0}
    examples = torch.tensor(list(kept.values()), dtype=torch.int64)
    return examples, torch.tensor(list(kept), dtype=torch.int64)
