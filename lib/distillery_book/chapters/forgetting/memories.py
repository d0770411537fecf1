"""The memories of chapter 5, each as large as its budget of bits allows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from distillery.data.tasks import Task
from distillery.lifelong import (
    Account,
    Carried,
    CodedMemory,
    LosslessMemory,
    Memory,
    RecollectedMemory,
    Reservoir,
    Together,
    largest,
)
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.output_mask import OutputMask
from distillery.storage import JPEG, Codec, WebP
from distillery.storage.budgets import PAPERS, Stored
from distillery_book.chapters.forgetting.setting import stream
from distillery_book.results.study import Cell

HALVED = Stored(16)
MOST_CODES = 5000  # recollections in the papers' memories, where more would fit
CODECS: dict[str, Codec] = {
    "jpeg 25": JPEG(25),
    "jpeg 10": JPEG(10),
    "webp 10": WebP(10),
}


@dataclass(frozen=True)
class Kit:
    """What a learner is made from: its cell, its tasks, and the shape of pictures and answers."""

    cell: Cell
    tasks: list[Task]
    mask: OutputMask

    @property
    def shape(self) -> tuple[int, int, int]:
        channels, height, width = self.tasks[0].x_train.shape[1:]
        return channels, height, width

    @property
    def outputs(self) -> int:
        return self.mask.allowed.shape[1]

    @property
    def budget_bits(self) -> float:
        """Of all that is remembered, by as many raw pictures."""
        return int(self.cell.params["images"]) * 8 * math.prod(self.shape)

    @property
    def stored(self) -> Stored:
        """In how many bits each parameter of the autoencoder is kept: single or half precision."""
        bits = int(self.cell.params.get("stored_bits", PAPERS.bits))
        if bits not in (PAPERS.bits, HALVED.bits):
            raise ValueError(f"stored_bits is {bits}: {PAPERS.bits} or {HALVED.bits} is needed")
        return Stored(bits)

    def carried(self, answers: int = 0) -> Carried:
        return Carried(self.outputs, len(self.tasks), answers)

    def rng(self, use: str) -> torch.Generator:
        return stream(self.cell.seed, use)

    def counted(self, account: Account) -> float:
        """What of an account the budget limits."""
        counts = self.cell.params["counts"]
        if counts == "full":
            return account.full.total
        return account.incremental if counts == "incremental" else account.total

    def holds(self, account: Callable[[int], Account], share: float = 1.0) -> int:
        """How many examples a share of the budget has room for."""
        return largest(share * self.budget_bits, lambda count: self.counted(account(count)))


def lossless(kit: Kit, *, answers: int = 0, share: float = 1.0) -> LosslessMemory:
    """A reservoir of raw pictures."""
    carried = kit.carried(answers)
    capacity = kit.holds(lambda n: LosslessMemory.account(n, kit.shape, carried), share)
    places = Reservoir(capacity, rng=kit.rng("places"))
    return LosslessMemory(kit.shape, places, carried, rng=kit.rng("recall"))


def recollected(
    kit: Kit, codec: CategoricalAutoencoder, *, share: float = 1.0
) -> RecollectedMemory:
    """A reservoir of codes: no more than the papers', but where parameters are stored in fewer bits
    to make room for more.
    """
    carried, stored = kit.carried(), kit.stored
    fitting = kit.holds(lambda n: RecollectedMemory.account(n, codec, carried, stored), share)
    capacity = min(fitting, MOST_CODES) if stored == PAPERS else fitting
    return RecollectedMemory(codec, capacity, carried, rng=kit.rng("recollections"), stored=stored)


def coded(kit: Kit, name: str) -> CodedMemory:
    """Strings of an image codec."""
    counts = "full" if kit.cell.params["counts"] == "full" else "incremental"
    return CodedMemory(
        CODECS[name],
        kit.budget_bits,
        kit.shape,
        kit.carried(),
        rng=kit.rng("strings"),
        counts=counts,  # type: ignore[arg-type]
    )


def both(kit: Kit, codec: CategoricalAutoencoder) -> Memory:
    """Half of the budget raw pictures, half codes."""
    memories = [lossless(kit, share=0.5), recollected(kit, codec, share=0.5)]
    return Together(memories, rng=kit.rng("both"))
