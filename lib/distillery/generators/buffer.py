"""A memory of recollections: codes in a reservoir, decoded when they are drawn (Riemer et al.,
2017, 2018).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from distillery.data.images import as_float
from distillery.generators import buffer_file
from distillery.generators.reservoir import last_of_each, reservoir_places
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.bits import check_size
from distillery.protocols import Batch, Generator, Teacher
from distillery.storage.budgets import simple_bits
from distillery.storage.packing import packed_bits
from distillery.storage.rows import pack_rows, row_bytes, unpack_rows

_AT_ONCE = 512  # pictures decoded together
_MOST = torch.iinfo(torch.int16).max  # the largest label and task


@dataclass(frozen=True)
class BufferBits:
    """What a memory takes, in bits, each part by itself."""

    codes: int
    labels: int
    task: int
    parameters: int

    @property
    def total(self) -> int:
        return self.codes + self.labels + self.task + self.parameters


class RecollectionBuffer(Generator, Dataset[tuple[Tensor, int]]):
    """At most `capacity` codes of an autoencoder, packed, with labels and tasks: `write` remembers,
    `draw` recalls.

    Writing is reservoir sampling, so that all that was ever written is equally likely to be there.
    Drawing takes recollections at random, with replacement unless that is switched off, and decodes
    them with the parameters that the `codec` has at that moment. With `keep` all are decoded once
    and kept as bytes until something is written: for a codec that learns no more. It is a data set
    of torch too: `buffer[i]` is (picture, label), the label -1 where there is none.

    Codes are where the codec is, and so are the batches.
    """

    remembers = ("rows", "labels", "tasks", "seen", "has_labels", "has_tasks", "answers")

    def __init__(
        self,
        codec: CategoricalAutoencoder,
        capacity: int,
        *,
        rng: torch.Generator,
        replacement: bool = True,
        keep: bool = False,
    ) -> None:
        check_size("capacity", capacity)
        self.codec, self.capacity, self.rng = codec, capacity, rng
        self.replacement, self.keep = replacement, keep
        device = next(codec.parameters()).device
        width = row_bytes(codec.variables, codec.values)
        self.rows = torch.zeros(capacity, width, dtype=torch.uint8, device=device)
        self.labels, self.tasks = (
            torch.full((capacity,), -1, dtype=torch.int16, device=device) for _ in range(2)
        )
        self.seen, self.has_labels, self.has_tasks = 0, False, False
        self.answers: Tensor | None = None
        self._pictures: Tensor | None = None

    def __len__(self) -> int:
        return min(self.seen, self.capacity)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index is {index}: there are {len(self)} recollections")
        place = torch.tensor([index % len(self)], device=self.rows.device)
        return self._recalled(place)[0], int(self.labels[place])

    def write(
        self, codes: Tensor, labels: Tensor | None = None, task: Tensor | None = None
    ) -> None:
        """Offer codes (B, c), in their order, to the reservoir; pictures are encoded first,
        `buffer.write(codec.encode(x), y)`.
        """
        self.codec._check_codes(codes)
        travelling = {"labels": labels, "task": task}
        for name, value in travelling.items():
            self._check_travelling(name, value, len(codes))
        places = reservoir_places(len(codes), self.capacity, rng=self.rng, seen=self.seen)
        examples, kept = (part.to(self.rows.device) for part in last_of_each(places))
        packed = pack_rows(codes.to(self.rows.device)[examples], self.codec.values)
        self.rows.index_copy_(0, kept, packed)
        for store, value in ((self.labels, labels), (self.tasks, task)):
            if value is not None:
                values = value.to(self.rows.device, torch.int16)
                store.index_copy_(0, kept, values[examples])
        self.has_labels, self.has_tasks = labels is not None, task is not None
        self.seen += len(codes)
        self.refresh()

    def draw(self, n: int) -> Batch:
        return self.at(self.choose(n, rng=self.rng))

    def choose(self, n: int, *, rng: torch.Generator) -> Tensor:
        """The places of n recollections at random."""
        check_size("n", n)
        self._check_written()
        if self.replacement:
            return torch.randint(len(self), (n,), generator=rng, device=rng.device)
        if n > len(self):
            raise ValueError(
                f"n is {n}: the buffer holds {len(self)}, at most as many can be drawn without"
                " replacement"
            )
        return torch.randperm(len(self), generator=rng, device=rng.device)[:n]

    def at(self, places: Tensor) -> Batch:
        """The recollections at these places: y is the teacher's answer where it was recorded, else
        the label.
        """
        places = places.to(self.rows.device)
        y = self.labels[places].long() if self.has_labels else None
        if self.answers is not None:
            y = self.answers[places]
        task = self.tasks[places].long() if self.has_tasks else None
        return Batch(self._recalled(places), y, task=task)

    def stream(self, rng: torch.Generator) -> Recall:
        """Draws of this memory by a random stream of their own, for students side by side."""
        return Recall(self, rng=rng)

    def codes(self, places: Tensor | None = None) -> Tensor:
        """Codes (B, c) at these places, or all of them."""
        rows = self.rows[: len(self)] if places is None else self.rows[places]
        return unpack_rows(rows, self.codec.values, self.codec.variables)

    def decode(self, places: Tensor) -> Tensor:
        """The pictures in [0, 1] at these places, as the codec has them now."""
        return self.codec.decode(self.codes(places))

    @property
    def pictures(self) -> Tensor:
        """All pictures as bytes (N, channels, height, width), decoded once."""
        if self._pictures is None:
            places = torch.arange(len(self), device=self.rows.device)
            self._pictures = torch.empty(
                (len(self), *self.codec.shape), dtype=torch.uint8, device=self.rows.device
            )
            for part in places.split(_AT_ONCE):
                self._pictures[part] = (self.decode(part) * 255).round_().to(torch.uint8)
        return self._pictures

    @torch.no_grad()
    def ask(self, teacher: Teacher) -> RecollectionBuffer:
        """Record the teacher's answers about all recollections; draws hand them out as y until
        something is written.
        """
        self._check_written()
        self.answers = None
        places = torch.arange(len(self), device=self.rows.device)
        self.answers = torch.cat([teacher(self.at(part)) for part in places.split(_AT_ONCE)])
        return self

    def refresh(self) -> None:
        """Forget kept pictures and recorded answers: the codes, or the codec, have changed."""
        self._pictures, self.answers = None, None

    def load_state_dict(self, state: Any) -> None:
        if state["rows"].shape != self.rows.shape:
            raise ValueError(
                f"the state is of {state['rows'].shape[0]} rows of {state['rows'].shape[1]} bytes:"
                f" this buffer has {self.rows.shape[0]} of {self.rows.shape[1]}"
            )
        super().load_state_dict(state)
        self._pictures = None

    @property
    def published_bits(self) -> BufferBits:
        """As the papers count: each variable in whole bits, all parameters at 32 bits, labels and
        tasks free.
        """
        each = simple_bits(self.codec.variables, self.codec.values)
        return BufferBits(each * len(self), 0, 0, 32 * _size(self.codec))

    @property
    def full_bits(self) -> BufferBits:
        """All that must be kept: codes, labels and tasks as tight as `packing.pack` writes them,
        the decoder alone at 16 bits.
        """
        count, codec = len(self), self.codec
        codes = packed_bits(count * codec.variables, codec.values, tight=True)
        labels = _travelling_bits(self.labels[:count]) if self.has_labels else 0
        task = _travelling_bits(self.tasks[:count]) if self.has_tasks else 0
        return BufferBits(codes, labels, task, 16 * _size(codec.decoder))

    @property
    def held_bytes(self) -> int:
        """What it takes in memory at this moment, kept pictures included, the codec not."""
        pictures = 0 if self._pictures is None else self._pictures.nbytes
        return self.rows.nbytes + self.labels.nbytes + self.tasks.nbytes + pictures

    def save(self, path: str | Path) -> int:
        """Write codes, labels and tasks, whole or not at all: the size in bytes. Of the codec the
        file knows the fingerprint alone.
        """
        count = len(self)
        return buffer_file.save(
            Path(path),
            buffer_file.Held(
                self.codes(),
                self.labels[:count] if self.has_labels else None,
                self.tasks[:count] if self.has_tasks else None,
                self.seen,
                self.capacity,
            ),
            self.codec,
        )

    @classmethod
    def load(
        cls, path: str | Path, codec: CategoricalAutoencoder, *, rng: torch.Generator, **more: bool
    ) -> RecollectionBuffer:
        """The memory in a file, whose codes must be those of this very decoder."""
        held = buffer_file.load(Path(path), codec)
        buffer = cls(codec, held.capacity, rng=rng, **more)
        buffer._fill(held.codes, held.labels, held.tasks)
        buffer.seen = held.seen
        return buffer

    @classmethod
    def full(
        cls,
        codec: CategoricalAutoencoder,
        codes: Tensor,
        labels: Tensor | None = None,
        *,
        rng: torch.Generator,
        **more: bool,
    ) -> RecollectionBuffer:
        """A memory of exactly these codes, in their order; nothing is drawn from `rng` yet."""
        buffer = cls(codec, max(1, len(codes)), rng=rng, **more)
        buffer._fill(codes, labels, None)
        return buffer

    def _check_written(self) -> None:
        if len(self) == 0:
            raise ValueError("the buffer was never written to: write codes before drawing")

    def _fill(self, codes: Tensor, labels: Tensor | None, tasks: Tensor | None) -> None:
        self.codec._check_codes(codes)
        count = len(codes)
        self.rows[:count] = pack_rows(codes.to(self.rows.device), self.codec.values)
        for name, store, value in (("labels", self.labels, labels), ("task", self.tasks, tasks)):
            self._check_travelling(name, value, count)
            if value is not None:
                store[:count] = value.to(self.rows.device, torch.int16)
        self.seen, self.has_labels, self.has_tasks = count, labels is not None, tasks is not None

    def _check_travelling(self, name: str, value: Tensor | None, count: int) -> None:
        """Labels or tasks: one whole number an example, with all writes or with none."""
        had = {"labels": self.has_labels, "task": self.has_tasks}[name]
        if self.seen and had != (value is not None):
            carried = "carried" if had else "carried no"
            raise ValueError(f"the first write {carried} {name}: all writes must, or none")
        if value is None:
            return
        if value.shape != (count,) or value.is_floating_point():
            raise ValueError(
                f"{name} has shape {tuple(value.shape)} and dtype {value.dtype}: {count} whole"
                " numbers, one a code, are needed"
            )
        if count and not 0 <= int(value.min()) <= int(value.max()) <= _MOST:
            raise ValueError(
                f"{name} reaches from {int(value.min())} to {int(value.max())}: whole numbers from"
                f" 0 to {_MOST} are needed"
            )

    def _recalled(self, places: Tensor) -> Tensor:
        return as_float(self.pictures[places]) if self.keep else self.decode(places)


class Recall(Generator):
    """Draws of a memory that others write to and save, by a random stream of their own.

    Its state is that of the stream: many of them share one memory.
    """

    def __init__(self, memory: RecollectionBuffer, *, rng: torch.Generator) -> None:
        self.memory, self.rng = memory, rng

    def __len__(self) -> int:
        return len(self.memory)

    def draw(self, n: int) -> Batch:
        return self.memory.at(self.memory.choose(n, rng=self.rng))

    def _parts(self) -> Iterator[tuple[str, Any]]:
        yield "rng", self.rng


def _size(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _travelling_bits(values: Tensor) -> int:
    """Whole numbers packed in the base of the largest."""
    base = max(2, int(values.max()) + 1) if len(values) else 2
    return packed_bits(len(values), base, tight=True)
