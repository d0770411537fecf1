"""Several memories as one: lossy and lossless ones, say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from distillery.generators.wrappers import Interleave, joined
from distillery.lifelong.account import Account
from distillery.lifelong.memory import Memory
from distillery.protocols import Batch


class Together(Memory):
    """Every batch is written to all memories, and drawn from all, in `shares`, equal by default."""

    def __init__(
        self,
        memories: Sequence[Memory],
        shares: Sequence[float] | None = None,
        *,
        rng: torch.Generator,
    ) -> None:
        super().__init__(rng=rng)
        self.drawn = Interleave(list(memories), shares)

    @property
    def memories(self) -> list[Memory]:
        return cast(list[Memory], self.drawn.generators)

    def write(self, batch: Batch) -> None:
        for memory in self.memories:
            memory.write(batch)

    def draw(self, n: int) -> Batch:
        return self.drawn.draw(n)

    def places(self) -> Tensor:
        return torch.arange(sum(map(len, self.memories)))

    def at(self, places: Tensor) -> Batch:
        """The memories lie one behind the other."""
        batches: list[Batch] = []
        start = 0
        position = torch.zeros(len(places), dtype=torch.int64)
        for memory in self.memories:
            there = ((places >= start) & (places < start + len(memory))).nonzero()[:, 0]
            if len(there):
                position[there] = torch.arange(len(there)) + sum(len(b) for b in batches)
                batches.append(memory.at(memory.places()[places[there] - start]))
            start += len(memory)
        return joined(batches)[position]

    @property
    def bits(self) -> Account:
        first, *others = (memory.bits for memory in self.memories)
        return sum(others, start=first)

    def written(self) -> dict[str, bytes]:
        return {
            f"{number}.{name}": part
            for number, memory in enumerate(self.memories)
            for name, part in memory.written().items()
        }
