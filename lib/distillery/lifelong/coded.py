"""A memory of pictures as JPEG or WebP has them, within a budget of bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from distillery.generators.resample import as_unit
from distillery.lifelong.account import Account, Carried, Counted
from distillery.lifelong.lossless import packed
from distillery.lifelong.memory import Memory, as_bytes, check_travelling, own_stream
from distillery.protocols import Batch
from distillery.storage.budgets import TooSmallError
from distillery.storage.codecs import Codec
from distillery.storage.packing import pack, packed_bits
from distillery.support.nearest import chosen

Counts = Literal["incremental", "full"]


class CodedMemory(Memory):
    """As many strings of a `codec` as fit into `budget_bits`, with labels and tasks:
    `CodedMemory(JPEG(25), 200 * 24_576, (3, 32, 32), Carried(100, 20), rng=rng)`.

    Every example is given a random number when it comes, whatever it is, and those with the lowest
    numbers are kept: a reservoir for strings of different lengths. The budget `counts` strings
    alone, `incremental`, or all that is written, `full`: also where each string ends, labels, tasks
    and what the strings of a codec share.
    """

    remembers = ("numbers", "labels", "tasks", "bar")

    def __init__(
        self,
        codec: Codec,
        budget_bits: float,
        shape: Sequence[int],
        carried: Carried,
        *,
        rng: torch.Generator,
        counts: Counts = "full",
    ) -> None:
        super().__init__(rng=rng)
        self.codec, self.budget_bits, self.shape = codec, budget_bits, tuple(shape)
        self.carried, self.counts = carried, chosen("counts", counts, ("incremental", "full"))
        self.priority = own_stream(rng)
        self.numbers: list[float] = []
        self.labels: list[int] = []
        self.tasks: list[int] = []
        self.bar = 1.0  # no number from here on is kept
        self._strings: list[bytes] = []
        self._pictures: list[Tensor] = []

    def write(self, batch: Batch) -> None:
        y, task = check_travelling(batch)
        numbers = torch.rand(len(batch), generator=self.priority, dtype=torch.float64)
        kept = (numbers < self.bar).nonzero()[:, 0]
        if len(kept) == 0:
            return
        self._strings += self.codec.encode(as_bytes(batch.x[kept]))
        fresh = self._strings[-len(kept) :]
        self._pictures += self.codec.decode(fresh, self.shape)
        self.numbers += numbers[kept].tolist()
        self.labels += y[kept].tolist()
        self.tasks += task[kept].tolist()
        while self._counted > self.budget_bits:
            self._drop()

    def places(self) -> Tensor:
        return torch.arange(len(self._strings))

    def at(self, places: Tensor) -> Batch:
        pictures = torch.stack([self._pictures[place] for place in places.tolist()])
        y, task = (torch.tensor(values)[places] for values in (self.labels, self.tasks))
        return Batch(as_unit(pictures), y, task=task)

    @property
    def bits(self) -> Account:
        strings = 8 * sum(map(len, self._strings))
        lengths = list(map(len, self._strings))
        ends = packed_bits(len(lengths), 1 + max(lengths, default=1), tight=True)
        shared = 8 * len(self.codec.shared(self.shape))
        labels, task = self.carried.bits(len(lengths))
        return Account(Counted(strings), Counted(strings + ends, labels, task, shared))

    def written(self) -> dict[str, bytes]:
        lengths = torch.tensor(list(map(len, self._strings)))
        return {
            "shared": self.codec.shared(self.shape),
            "pictures": b"".join(self._strings),
            "ends": pack(lengths, 1 + int(lengths.max()), tight=True).numpy().tobytes(),
            **packed(torch.tensor(self.labels), torch.tensor(self.tasks), self.carried),
        }

    def state_dict(self) -> dict[str, Any]:
        whole = bytearray(b"".join(self._strings))
        strings = torch.frombuffer(whole, dtype=torch.uint8) if whole else torch.zeros(0)
        lengths = torch.tensor(list(map(len, self._strings)), dtype=torch.int64)
        return {**super().state_dict(), "strings": strings, "lengths": lengths}

    def load_state_dict(self, state: Any) -> None:
        super().load_state_dict(state)
        whole, start = state["strings"].to(torch.uint8).numpy().tobytes(), 0
        self._strings = []
        for length in state["lengths"].tolist():
            self._strings.append(whole[start : start + length])
            start += length
        self._pictures = list(self.codec.decode(self._strings, self.shape)) if self._strings else []

    @property
    def _counted(self) -> float:
        bits = self.bits
        return bits.incremental if self.counts == "incremental" else bits.full.total

    def _drop(self) -> None:
        """Forget the example with the highest number; none as high is kept from now on."""
        if len(self._strings) == 1:
            raise TooSmallError(
                f"budget_bits is {self.budget_bits:g}: a memory of one example takes"
                f" {self._counted:g}",
                self._counted,
            )
        self.bar = max(self.numbers)
        place = self.numbers.index(self.bar)
        kept: list[list[Any]] = [self._strings, self._pictures, self.numbers]
        for values in (*kept, self.labels, self.tasks):
            values[place] = values[-1]
            del values[-1]
