"""Exemplars by herding, and classes told by the nearest mean of theirs (iCaRL: Rebuffi et al.,
2017).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from distillery.generators.resample import as_unit
from distillery.lifelong.account import Account, Carried
from distillery.lifelong.lossless import LosslessMemory, packed
from distillery.lifelong.memory import Memory, as_bytes, check_travelling
from distillery.models.bits import check_size
from distillery.models.output_mask import FAR_BELOW
from distillery.protocols import Batch


def herded(features: Tensor, count: int) -> Tensor:
    """Indices of `count` examples, in the order in which they are chosen: each brings the mean of
    the chosen features nearest to the mean of all (Welling, 2009).
    """
    count = min(count, len(features))
    target, total = features.mean(0), torch.zeros_like(features[0])
    is_free = torch.ones(len(features), dtype=torch.bool)
    chosen = []
    for size in range(1, count + 1):
        apart = (target - (total + features) / size).square().sum(1)
        best = int(apart.masked_fill(~is_free, torch.inf).argmin())
        is_free[best] = False
        total = total + features[best]
        chosen.append(best)
    return torch.tensor(chosen, dtype=torch.int64)


class Exemplars(Memory):
    """At most `capacity` pictures, shared equally among the classes seen so far.

    A batch that is written holds all there is of its classes, each class with the pictures to keep
    first in front; as classes come, each gives up its last ones.
    """

    remembers = ("sets", "tasks")

    def __init__(
        self, shape: Sequence[int], capacity: int, carried: Carried, *, rng: torch.Generator
    ) -> None:
        super().__init__(rng=rng)
        check_size("capacity", capacity)
        self.shape, self.capacity, self.carried = tuple(shape), capacity, carried
        self.sets: dict[str, Tensor] = {}
        self.tasks: dict[str, int] = {}

    def write(self, batch: Batch) -> None:
        y, task = check_travelling(batch)
        for label in y.unique().tolist():
            there = (y == label).nonzero()[:, 0]
            self.sets[str(label)] = as_bytes(batch.x[there[: self.capacity]])
            self.tasks[str(label)] = int(task[there[0]])
        sizes = self._sizes()
        for (label, pictures), size in zip(self.sets.items(), sizes, strict=True):
            self.sets[label] = pictures[:size]

    def places(self) -> Tensor:
        return torch.arange(sum(map(len, self.sets.values())))

    def at(self, places: Tensor) -> Batch:
        pictures, labels, tasks = self._all()
        return Batch(as_unit(pictures[places]), labels[places], task=tasks[places])

    def means(self, features: Tensor, outputs: int) -> Tensor:
        """(K, D): the mean of each class's normalised features, those of all that `at` gives, and
        zero for a class that has none.
        """
        labels = self._all()[1]
        totals = torch.zeros(outputs, features.shape[1]).index_add_(
            0, labels, F.normalize(features)
        )
        return F.normalize(totals)

    @property
    def bits(self) -> Account:
        return LosslessMemory.account(len(self), self.shape, self.carried)

    def written(self) -> dict[str, bytes]:
        pictures, labels, tasks = self._all()
        return {"pictures": pictures.numpy().tobytes(), **packed(labels, tasks, self.carried)}

    def _sizes(self) -> list[int]:
        """How many of the capacity each class has, the earliest classes first with one more."""
        each, more = divmod(self.capacity, len(self.sets))
        return [each + (number < more) for number in range(len(self.sets))]

    def _all(self) -> tuple[Tensor, Tensor, Tensor]:
        sizes = torch.tensor([len(pictures) for pictures in self.sets.values()])
        labels = torch.tensor([int(label) for label in self.sets])
        tasks = torch.tensor([self.tasks[label] for label in self.sets])
        pictures = torch.cat(list(self.sets.values()))
        return (
            pictures,
            torch.repeat_interleave(labels, sizes),
            torch.repeat_interleave(tasks, sizes),
        )


def nearest_mean(features: Tensor, means: Tensor) -> Tensor:
    """Scores (B, K): minus the square distance of normalised features to each class's mean, and far
    below any for a class without one.
    """
    scores = -torch.cdist(F.normalize(features), means).square()
    return scores.masked_fill((means == 0).all(1), FAR_BELOW)
