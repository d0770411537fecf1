"""A memory of pictures as they are, a byte a pixel and channel."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from distillery.generators.resample import as_unit
from distillery.generators.reservoir import last_of_each
from distillery.lifelong.account import Account, Carried, Counted
from distillery.lifelong.memory import Memory, as_bytes, check_travelling
from distillery.lifelong.places import Places
from distillery.protocols import Batch
from distillery.storage.packing import pack


class LosslessMemory(Memory):
    """Pictures of a `shape` in bytes, with labels and tasks; `places` says which stay:
    `LosslessMemory((3, 32, 32), Reservoir(200, rng=rng), Carried(100, 20), rng=rng)`.

    Where the carried answers are more than none, the logits that come in `batch.draw` are kept too,
    in half precision, and ride along in `batch.draw` again.
    """

    remembers = ("pictures", "labels", "tasks", "answers", "is_filled")

    def __init__(
        self, shape: Sequence[int], places: Places, carried: Carried, *, rng: torch.Generator
    ) -> None:
        super().__init__(rng=rng)
        self.shape, self.kept_at, self.carried = tuple(shape), places, carried
        capacity = places.capacity
        self.pictures = torch.zeros(capacity, *self.shape, dtype=torch.uint8)
        self.labels, self.tasks = (torch.zeros(capacity, dtype=torch.int16) for _ in range(2))
        self.answers = torch.zeros(capacity, carried.answers, dtype=torch.float16)
        self.is_filled = torch.zeros(capacity, dtype=torch.bool)

    @staticmethod
    def account(count: int, shape: Sequence[int], carried: Carried) -> Account:
        """What so many pictures take."""
        pictures = 8 * math.prod(shape) * count
        labels, task = carried.bits(count)
        return Account(Counted(pictures), Counted(pictures, labels, task))

    def write(self, batch: Batch) -> None:
        y, task = check_travelling(batch)
        examples, places = last_of_each(self.kept_at.take(task))
        self.pictures[places] = as_bytes(batch.x[examples])
        self.labels[places], self.tasks[places] = y[examples].short(), task[examples].short()
        if self.carried.answers:
            self.answers[places] = self._answers(batch)[examples].half()
        self.is_filled[places] = True

    def places(self) -> Tensor:
        return self.is_filled.nonzero()[:, 0]

    def of_task(self, task: int) -> Batch | None:
        """All that is kept of a task, or None."""
        places = (self.is_filled & (self.tasks == task)).nonzero()[:, 0]
        return self.at(places) if len(places) else None

    def at(self, places: Tensor) -> Batch:
        answers = self.answers[places].float() if self.carried.answers else None
        y, task = self.labels[places].long(), self.tasks[places].long()
        return Batch(as_unit(self.pictures[places]), y, task=task, draw=answers)

    @property
    def bits(self) -> Account:
        return self.account(int(self.is_filled.sum()), self.shape, self.carried)

    def written(self) -> dict[str, bytes]:
        places = self.places()
        return {
            "pictures": self.pictures[places].numpy().tobytes(),
            **packed(self.labels[places], self.tasks[places], self.carried),
            "answers": self.answers[places].numpy().tobytes(),
        }

    def _answers(self, batch: Batch) -> Tensor:
        if batch.draw is None or batch.draw.shape != (len(batch), self.carried.answers):
            got = "None" if batch.draw is None else f"of shape {tuple(batch.draw.shape)}"
            raise ValueError(
                f"batch.draw is {got}: the logits of each example, ({len(batch)},"
                f" {self.carried.answers}), are to be remembered"
            )
        return batch.draw


def packed(labels: Tensor, tasks: Tensor, carried: Carried) -> dict[str, bytes]:
    """Labels and tasks as they are counted."""
    return {
        "labels": pack(labels, max(2, carried.classes), tight=True).numpy().tobytes(),
        "tasks": pack(tasks, max(2, carried.tasks), tight=True).numpy().tobytes(),
    }
