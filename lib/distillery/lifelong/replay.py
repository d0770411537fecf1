"""New examples together with remembered ones: what a lifelong learner trains on."""

from __future__ import annotations

from dataclasses import fields

import torch
from torch import Tensor

from distillery.generators.wrappers import joined
from distillery.lifelong.memory import Memory
from distillery.models.bits import check_size
from distillery.protocols import Batch, Generator


class Replay(Generator):
    """Batches of new examples and `remembered` ones; each new example rides in `times` batches
    (Riemer et al., 2018, section 2.4).

    Before new examples are learned, all that will be remembered beside them is drawn from the
    memory together, and so decoded with the parameters of that moment; then they are written. Where
    the memory is still empty the new examples stand in for it. With `writes` False the memory is
    left to others.
    """

    remembers = ("waiting",)

    def __init__(
        self,
        new: Generator,
        memory: Memory | None,
        *,
        remembered: int,
        times: int = 1,
        writes: bool = True,
    ) -> None:
        check_size("times", times)
        if remembered < 0 or (memory is None and remembered):
            kind = "no memory" if memory is None else f"a {type(memory).__name__}"
            raise ValueError(
                f"remembered is {remembered} with {kind}: a whole number from 0 is needed, and 0"
                " without a memory"
            )
        self.new, self.memory = new, memory
        self.remembered, self.times, self.writes = remembered, times, writes
        self.waiting: dict[str, Tensor] = {}

    def draw(self, n: int) -> Batch:
        if n <= self.remembered:
            raise ValueError(
                f"n is {n}: {self.remembered} of a batch are remembered, and at least one is new"
            )
        waiting = Batch(**self.waiting) if self.waiting else self._refilled(n - self.remembered)
        self.waiting = _as_fields(waiting[n:]) if len(waiting) > n else {}
        return waiting[:n]

    def _refilled(self, count: int) -> Batch:
        """All batches of the next new examples, one behind the other."""
        new = self.new.draw(count)
        drawn = self._recalled(new)
        if self.memory is not None and self.writes:
            self.memory.write(new)
        if drawn is None:
            return joined([new] * self.times)
        parts = [drawn[place] for place in torch.arange(len(drawn)).split(self.remembered)]
        return joined([half for part in parts for half in (new, part)])

    def _recalled(self, new: Batch) -> Batch | None:
        """What will be remembered beside the new examples, for all batches."""
        wanted = self.times * self.remembered
        if self.memory is None or wanted == 0:
            return None
        if len(self.memory):
            return self.memory.draw(wanted)
        return new[torch.arange(wanted) % len(new)]


def _as_fields(batch: Batch) -> dict[str, Tensor]:
    values = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return {name: value for name, value in values.items() if value is not None}
