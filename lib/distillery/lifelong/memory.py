"""What every memory of a lifelong learner can do."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor
from torch.utils.data import Dataset

from distillery.lifelong.account import Account
from distillery.models.bits import check_size
from distillery.protocols import Batch, Generator, check_rng


class Memory(Generator, Dataset[tuple[Tensor, int]]):
    """Keeps some of what is written and hands out what it keeps: `write(batch)`, `draw(n)`, `bits`.

    A batch that is written carries labels and tasks. Draws are with replacement, every kept example
    being equally likely. It is a data set of torch too: `memory[i]` is (picture, label).
    """

    rng: torch.Generator

    def __init__(self, *, rng: torch.Generator) -> None:
        self.rng = check_rng(rng)

    @abstractmethod
    def write(self, batch: Batch) -> None:
        """Offer examples, in their order; which of them stay is the memory's choice."""

    @abstractmethod
    def places(self) -> Tensor:
        """Where there is an example: whole numbers that `at` knows."""

    @abstractmethod
    def at(self, places: Tensor) -> Batch:
        """The examples at these places."""

    @property
    @abstractmethod
    def bits(self) -> Account:
        """What it takes at this moment."""

    @abstractmethod
    def written(self) -> dict[str, bytes]:
        """All that must be kept, packed as tightly as it is counted in full, by parts."""

    def __len__(self) -> int:
        return len(self.places())

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        places = self.places()
        if not -len(places) <= index < len(places):
            raise IndexError(f"index is {index}: the memory holds {len(places)} examples")
        batch = self.at(places[index][None])
        assert batch.y is not None
        return batch.x[0], int(batch.y[0])

    def draw(self, n: int) -> Batch:
        check_size("n", n)
        places = self.places()
        if len(places) == 0:
            raise ValueError("the memory was never written to: write a batch before drawing")
        chosen = torch.randint(len(places), (n,), generator=self.rng, device=self.rng.device)
        return self.at(places[chosen.to(places.device)])


def check_travelling(batch: Batch) -> tuple[Tensor, Tensor]:
    """Label and task of every example, without which nothing is remembered."""
    if batch.y is None or batch.task is None:
        missing = "y" if batch.y is None else "task"
        raise ValueError(f"batch.{missing} is None: a memory keeps the label and task of each")
    return batch.y, batch.task


def as_bytes(x: Tensor) -> Tensor:
    """Pictures in [0, 1] as bytes."""
    return (x * 255).round().to(torch.uint8)


def own_stream(rng: torch.Generator) -> torch.Generator:
    """A stream that follows from another's next number, and that nothing else draws from."""
    seed = int(torch.randint(2**62, (), generator=rng, device=rng.device))
    return torch.Generator(rng.device).manual_seed(seed)
