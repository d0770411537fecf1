"""A memory of recollections: codes made once, decoded with the parameters of the moment."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from distillery.generators.buffer import RecollectionBuffer
from distillery.lifelong.account import Account, Carried, Counted
from distillery.lifelong.lossless import packed
from distillery.lifelong.memory import Memory, check_travelling, own_stream
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.protocols import Batch
from distillery.storage.budgets import PAPERS, Stored, capacity_bits
from distillery.storage.packing import pack, packed_bits


class RecollectedMemory(Memory):
    """Codes of an autoencoder in a reservoir of `capacity` places, with labels and tasks (Riemer et
    al., 2018).

    A code is made when its picture is written, and never again; what is drawn is decoded by the
    `codec` as it stands then, which may go on learning. `stored` is at what precision, and of what,
    the parameters are counted in full: all of them at 32 bits, since a codec that learns needs its
    encoder, unless said otherwise.
    """

    def __init__(
        self,
        codec: CategoricalAutoencoder,
        capacity: int,
        carried: Carried,
        *,
        rng: torch.Generator,
        stored: Stored = PAPERS,
    ) -> None:
        super().__init__(rng=rng)
        self.buffer = RecollectionBuffer(codec, capacity, rng=own_stream(rng))
        self.carried, self.stored = carried, stored

    @staticmethod
    def account(
        count: int, codec: CategoricalAutoencoder, carried: Carried, stored: Stored = PAPERS
    ) -> Account:
        """What so many codes take: as published, c log2 l bits each and parameters at 32 bits."""
        codes = count * capacity_bits(codec.variables, codec.values)
        whole = packed_bits(count * codec.variables, codec.values, tight=True)
        labels, task = carried.bits(count)
        parts = codec.decoder if stored.decoder_only else codec
        parameters = stored.bits * sum(p.numel() for p in parts.parameters())
        published = Counted(codes, parameters=32 * sum(p.numel() for p in codec.parameters()))
        return Account(published, Counted(whole, labels, task, parameters))

    def write(self, batch: Batch) -> None:
        y, task = check_travelling(batch)
        self.buffer.write(self.buffer.codec.encode(batch.x), y, task)

    def places(self) -> Tensor:
        return torch.arange(len(self.buffer), device=self.buffer.rows.device)

    def at(self, places: Tensor) -> Batch:
        return self.buffer.at(places)

    @property
    def bits(self) -> Account:
        return self.account(len(self.buffer), self.buffer.codec, self.carried, self.stored)

    def written(self) -> dict[str, bytes]:
        """Codes, labels and tasks; the parameters are in the model's own file."""
        count, codec = len(self.buffer), self.buffer.codec
        codes = pack(self.buffer.codes().reshape(-1).cpu(), codec.values, tight=True)
        labels, tasks = (part[:count].cpu() for part in (self.buffer.labels, self.buffer.tasks))
        return {"pictures": codes.numpy().tobytes(), **packed(labels, tasks, self.carried)}


def variables_within(budget_bits: float, examples: int, values: int = 2) -> int:
    """How many variables of `values` values the codes of so many examples have room for, codes
    alone counted; a multiple of what the filters at 2x2 places ask for.
    """
    step = 4 // math.gcd(values, 4)
    variables = int(budget_bits / examples / math.log2(values)) // step * step
    if variables < 1:
        raise ValueError(
            f"budget_bits is {budget_bits:g} for {examples} examples: the smallest code takes"
            f" {step * math.log2(values):g} bits"
        )
    return variables
