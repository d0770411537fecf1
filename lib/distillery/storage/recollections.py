"""Recollections: what is decoded from a recollection file, as a data set of torch and as a
generator.

`storage.recollection_file` is the format; `save` and `sizes` come from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from distillery.data.images import as_float
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.protocols import Batch, Generator
from distillery.storage.recollection_file import FORMAT, VERSION, read, save, sizes
from distillery.storage.shared_pictures import SharedPictures

__all__ = ["FORMAT", "VERSION", "Recollections", "save", "sizes"]


class Recollections(Generator, Dataset[tuple[Tensor, int]]):
    """Decoded pictures in [0, 1] with their labels (-1 where there are none): a data set of torch,
    and a generator with `rng`.

    `recollections[i]` is (picture, label); `recollections.decoded(indices)` many at once; `draw(n)`
    takes n at random, with replacement. Pictures are decoded when they are first asked for, some
    hundreds of neighbours together, and kept as bytes: as much memory as the originals took. The
    workers of a `DataLoader`, however they are started, decode each picture once between them, and
    in the first epoch alone.
    """

    def __init__(
        self,
        codes: Tensor,
        labels: Tensor | None,
        student: CategoricalAutoencoder,
        card: str,
        *,
        rng: torch.Generator | None,
    ) -> None:
        self.codes, self.labels, self.card, self.rng = codes, labels, card, rng
        self.student = student.eval()
        self._shared = SharedPictures(len(codes), student.shape)

    @classmethod
    def load(cls, path: str | Path, *, rng: torch.Generator | None = None) -> Recollections:
        """The recollections in a file, whose checksum is looked at first; `rng` is needed to draw
        from them.
        """
        contents = read(Path(path))
        return cls(contents.codes, contents.labels, contents.student, contents.card, rng=rng)

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        (sample,) = self.__getitems__([index])
        return sample

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, int]]:
        """Several at once, as a `DataLoader` asks for them."""
        places = [self._place(index) for index in indices]
        pictures = self.decoded(torch.tensor(places, dtype=torch.long))
        labels = [-1] * len(places) if self.labels is None else self.labels[places].tolist()
        return list(zip(pictures, labels, strict=True))

    @property
    def pictures(self) -> Tensor:
        """All pictures, uint8 (N, channels, size, size)."""
        self._shared.fill(None, self._decode)
        return self._shared.pictures

    def decoded(self, indices: Tensor) -> Tensor:
        """The pictures (B, channels, size, size) at these places."""
        places = indices % max(1, len(self))  # from the end where an index is negative
        self._shared.fill(places.tolist(), self._decode)
        return as_float(self._shared.pictures[indices])

    def draw(self, n: int) -> Batch:
        if self.rng is None:
            raise ValueError(
                "rng is None: to draw recollections at random, load them with rng=torch.Generator()"
            )
        index = torch.randint(len(self), (n,), generator=self.rng, device=self.rng.device).cpu()
        return Batch(self.decoded(index), None if self.labels is None else self.labels[index])

    def _place(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index is {index}: there are {len(self)} recollections")
        return index % len(self)

    def _decode(self, place: slice) -> Tensor:
        return (self.student.decode(self.codes[place]) * 255).round_()

    def __getstate__(self) -> dict[str, Any]:
        """A torch.Generator cannot be pickled, its state can: our own and the student's.

        Small tensors go as arrays, by value: on the way to a new process a tensor would become
        shared memory, and a file descriptor, each.
        """
        student, state = self.student, self.__dict__.copy()
        state["student"] = {
            "variables": student.variables,
            "values": student.values,
            "channels": student.shape[0],
            "size": student.shape[1],
            "width": student.decoder.get_parameter("0.weight").shape[1],
        }
        state["weights"] = {name: _by_value(it) for name, it in student.state_dict().items()}
        state["codes"] = _by_value(self.codes)
        state["labels"] = None if self.labels is None else _by_value(self.labels)
        if self.rng is not None:
            state["rng"] = (str(self.rng.device), _by_value(self.rng.get_state()))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        weights = {name: torch.from_numpy(it) for name, it in state.pop("weights").items()}
        student = CategoricalAutoencoder(**state["student"], rng=torch.Generator().manual_seed(0))
        student.load_state_dict(weights)
        state["student"] = student.eval()
        state["codes"] = torch.from_numpy(state["codes"])
        if state["labels"] is not None:
            state["labels"] = torch.from_numpy(state["labels"])
        if state["rng"] is not None:
            device, stream = state["rng"]
            state["rng"] = torch.Generator(device).set_state(torch.from_numpy(stream))
        self.__dict__.update(state)


def _by_value(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
