"""What a student is shown: the data, a part of them, recollections, or decoded random codes.

A memory is a tensor of pictures in bytes and, where the pictures have them, their labels. Drawn at
random one after the other they are the inputs of distillation (Riemer et al., 2018, section 5.1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from distillery.generators.resample import as_unit
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery_book.results.study import Scalar

SUBSETS = {"tenth": 0.1, "fiftieth": 0.02, "hundredth": 0.01}
CODES = ("buffer", "code")
INPUTS = ("real", *SUBSETS, *CODES)
AT_ONCE = 1000


@dataclass(frozen=True, eq=False)
class Memory:
    """Pictures, uint8 (N, C, H, W), and their labels, int64 (N,), where they have any."""

    pictures: Tensor
    labels: Tensor | None


def remembered(
    params: Mapping[str, Scalar],
    x: Tensor,
    y: Tensor,
    autoencoder: CategoricalAutoencoder | None,
    *,
    rng: torch.Generator,
) -> Memory:
    """The memory that a cell's parameters name, of the training images `x` with the labels `y`."""
    name = str(params["inputs"])
    if name == "real":
        return Memory(x, y)
    if name in SUBSETS:
        return _subset(x, y, SUBSETS[name], rng)
    assert autoencoder is not None
    if name == "buffer":
        return Memory(recollections(autoencoder, x, rng=rng), y)
    return Memory(imagined(autoencoder, int(params["episodes"]), rng=rng), None)


@torch.no_grad()
def recollections(student: CategoricalAutoencoder, x: Tensor, *, rng: torch.Generator) -> Tensor:
    """Each picture coded once, by one draw of its code, and decoded: what a buffer gives back."""
    parts = x.split(AT_ONCE)
    return torch.cat([_bytes(student.decode(student.encode(as_unit(p), rng=rng))) for p in parts])


@torch.no_grad()
def imagined(student: CategoricalAutoencoder, count: int, *, rng: torch.Generator) -> Tensor:
    """Decoded codes whose variables are all drawn uniformly: pictures that nobody has seen."""
    shape = (count, student.variables)
    codes = torch.randint(student.values, shape, generator=rng, device=rng.device)
    return torch.cat([_bytes(student.decode(part)) for part in codes.split(AT_ONCE)])


@torch.no_grad()
def answered(pictures: Tensor, teacher: Callable[[Tensor], Tensor]) -> Tensor:
    """The teacher's logits for every picture (N, classes)."""
    return torch.cat([teacher(as_unit(part)) for part in pictures.split(AT_ONCE)])


def _subset(x: Tensor, y: Tensor, share: float, rng: torch.Generator) -> Memory:
    count = round(share * len(x))
    chosen = torch.randperm(len(x), generator=rng, device=rng.device)[:count].sort().values
    return Memory(x[chosen], y[chosen])


def _bytes(pictures: Tensor) -> Tensor:
    return (pictures * 255).round().to(torch.uint8)
