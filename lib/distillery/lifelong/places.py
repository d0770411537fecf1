"""Which examples a memory with a fixed number of places keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from distillery.generators.reservoir import reservoir_places
from distillery.lifelong.memory import own_stream
from distillery.models.bits import check_size
from distillery.protocols import Stateful, check_rng

_AHEAD = 4096  # places drawn together


class Places(Stateful, ABC):
    """A number of places, and who takes them; whatever the examples are."""

    capacity: int

    @abstractmethod
    def take(self, task: Tensor) -> Tensor:
        """For each of the next examples, of these tasks, the place that it takes, or -1."""


class Reservoir(Places):
    """Of all that was ever written each example in one of the places equally likely (Vitter, 1985).

    The places of thousands of examples are drawn ahead, which depends on nothing that comes.
    """

    remembers = ("drawn", "taken", "ahead")

    def __init__(self, capacity: int, *, rng: torch.Generator) -> None:
        check_size("capacity", capacity)
        self.capacity = capacity
        self.rng = own_stream(check_rng(rng))
        self.ahead = torch.zeros(0, dtype=torch.int64)
        self.taken = self.drawn = 0

    def take(self, task: Tensor) -> Tensor:
        while len(self.ahead) - self.taken < len(task):
            fresh = reservoir_places(_AHEAD, self.capacity, rng=self.rng, seen=self.drawn)
            self.ahead = torch.cat([self.ahead[self.taken :], fresh.cpu()])
            self.taken, self.drawn = 0, self.drawn + _AHEAD
        self.taken += len(task)
        return self.ahead[self.taken - len(task) : self.taken]


class LastOfEachTask(Places):
    """As many places for each task, which hold its last examples (Lopez-Paz and Ranzato, 2017)."""

    remembers = ("seen",)

    def __init__(self, per_task: int, tasks: int) -> None:
        check_size("per_task", per_task)
        check_size("tasks", tasks)
        self.per_task, self.capacity = per_task, per_task * tasks
        self.seen = torch.zeros(tasks, dtype=torch.int64)

    def take(self, task: Tensor) -> Tensor:
        places = []
        for number in task.tolist():
            places.append(number * self.per_task + int(self.seen[number]) % self.per_task)
            self.seen[number] += 1
        return torch.tensor(places, dtype=torch.int64)
