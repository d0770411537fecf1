"""Pictures of the first task, as a learner's autoencoder shows them while later tasks come."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import Tensor

from distillery.data.tasks import Task
from distillery.generators.resample import as_unit
from distillery.lifelong.memory import Memory, as_bytes
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.once import quietly
from distillery.support.atomic import write_atomically

PICTURES = 8
REMEMBERED = 16
PAGES = 4  # after the first task, after the last, and at equal steps between


class Album:
    """`end(number, task)` keeps what the autoencoder makes of the pictures when a task ends, if it
    is one of a few; a file holds what was kept, for the run may be killed and go on.
    """

    def __init__(
        self, codec: CategoricalAutoencoder, tasks: list[Task], path: Path, *, joint: bool
    ) -> None:
        self.codec, self.path = codec, path
        self.x = as_unit(tasks[0].x_test[:PICTURES])
        last = 0 if joint else len(tasks) - 1
        self.places = sorted({round(last * page / (PAGES - 1)) for page in range(PAGES)})

    def end(self, number: int, task: Task) -> None:
        if number not in self.places:
            return
        with quietly(self.codec):
            page = as_bytes(self.codec.reconstruct(self.x))
        kept = self._pages() | {f"after_{number + 1}": page.contiguous()}
        write_atomically(self.path, save(kept))

    def arrays(self) -> dict[str, Tensor]:
        """The pictures themselves, and what was made of them, in bytes."""
        return {"pictures": as_bytes(self.x).contiguous(), **self._pages()}

    def _pages(self) -> dict[str, Tensor]:
        return load(self.path.read_bytes()) if self.path.exists() else {}


def recalled(memory: Memory) -> Tensor:
    """Some of what a memory holds, from places as far apart as can be, in bytes."""
    places = memory.places()
    apart = torch.linspace(0, len(places) - 1, min(REMEMBERED, len(places))).round().long()
    return as_bytes(memory.at(places[apart]).x).contiguous()
