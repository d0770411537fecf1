"""What a student is shown: the data, a part of them, recollections, or decoded random codes.

A memory is a tensor of pictures in bytes and what each is answered: its label, or the teacher's
logits. Drawn at random one after the other they are the inputs of distillation (Riemer et al.,
2018, section 5.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from distillery.generators.resample import as_unit
from distillery.generators.subsets import answers, labels_as_logits, subset
from distillery.storage import JPEG, Codec, WebP, WholePrior
from distillery.teachers import Frozen
from distillery.tools.compress.recipes import as_bytes
from distillery_book.chapters.transfer import rivals

SUBSETS = {"tenth": 0.1, "fiftieth": 0.02, "hundredth": 0.01}
SIZES = {"10x": 168, "50x": 62, "100x": 38}  # variables of two values, by how much they compress
TIMES = {"10x": 10, "50x": 50, "100x": 100}  # less than all images take uncompressed
JPEG_QUALITY = 10
CODECS: dict[str, Codec] = {"jpeg": JPEG(JPEG_QUALITY), "webp": WebP(None)}  # WebP without loss
AT_ONCE = 1000

# The columns of Tables 2 and 8: what is shown, and who answers.
TABLES = {
    "real": ("real", "labels"),
    "sample_10pct": ("tenth", "labels"),
    "sample_2pct": ("fiftieth", "labels"),
    "sample_1pct": ("hundredth", "labels"),
    "real_x_teacher_y": ("real", "teacher"),
    "compress_10x": ("buffer 10x", "teacher"),
    "compress_50x": ("buffer 50x", "teacher"),
    "compress_100x": ("buffer 100x", "teacher"),
}
# Beyond the tables: random codes (Figure 4), and the answers that the tables do not have.
BEYOND = {
    "code_10x": ("code 10x", "teacher"),
    "code_50x": ("code 50x", "teacher"),
    "code_100x": ("code 100x", "teacher"),
    "sample_10pct_teacher_y": ("tenth", "teacher"),
    "sample_2pct_teacher_y": ("fiftieth", "teacher"),
    "sample_1pct_teacher_y": ("hundredth", "teacher"),
    "compress_10x_labels": ("buffer 10x", "labels"),
    "compress_50x_labels": ("buffer 50x", "labels"),
    "compress_100x_labels": ("buffer 100x", "labels"),
}
# What curricula choose from in Table 3, and the size between.
RECALLED = {name: TABLES[name] for name in ("compress_10x", "compress_50x", "compress_100x")}
# What the papers do not compare with, at the same bits or at none (`rivals`).
RIVALS = {
    f"{way}_{size}": (f"{way} {size}", "teacher")
    for way in ("jpeg", "webp", "centres", "prior", "confident")
    for size in SIZES
}
# What students learn in better ways (`ways`): the codes as they were drawn, or the likeliest.
BETTER = {"compress_100x": TABLES["compress_100x"]}
LIKELIEST = {"compress_100x": ("likeliest 100x", "teacher")}
COLUMNS = {
    "tables": TABLES,
    "beyond": BEYOND,
    "recalled": RECALLED,
    "rivals": RIVALS,
    "better": BETTER,
    "likeliest": LIKELIEST,
}


@dataclass(frozen=True, eq=False)
class Memory:
    """Pictures, uint8 (N, C, H, W), and their labels, int64 (N,), where they have any."""

    pictures: Tensor
    labels: Tensor | None


@dataclass(frozen=True, eq=False)
class Sources:
    """What memories are made of: the images that are learned, their labels, the teacher, and by how
    much they compress the autoencoders and, where they are asked for, the priors of their codes.
    """

    x: Tensor
    y: Tensor
    teacher: nn.Module
    autoencoders: Mapping[str, Any]
    priors: Mapping[str, WholePrior] = field(default_factory=dict)

    def memory(self, name: str, *, count: int, rng: torch.Generator) -> Memory:
        """The memory called `name`; of random codes there are `count`."""
        if name == "real":
            return Memory(self.x, self.y)
        if name in SUBSETS:
            size = round(SUBSETS[name] * len(self.x))
            return Memory(*subset(self.x, self.y, size, rng=rng))
        way, _, size_name = name.partition(" ")
        if way in ("buffer", "likeliest"):
            drawn = rng if way == "buffer" else None
            return Memory(recalled(self.autoencoders[size_name], self.x, rng=drawn), self.y)
        return Memory(self._unlabelled(way, size_name, count=count, rng=rng), None)

    def bits(self, size_name: str) -> float:
        """What a memory of that name may take, counted as the papers count."""
        return 8 * self.x.numel() / TIMES[size_name]

    def _unlabelled(self, way: str, size_name: str, *, count: int, rng: torch.Generator) -> Tensor:
        codec, bits = self.autoencoders[size_name], self.bits(size_name)
        if way == "code":
            return imagined(codec, count, rng=rng)
        if way == "prior":
            return rivals.dreamt(codec, self.priors[size_name], count, rng=rng)
        if way == "confident":
            return rivals.confident(codec, self.teacher, count, rng=rng)
        if way == "centres":
            size = int(bits / (8 * self.x[0].numel()))
            return self.x[rivals.k_centres(self.x, size, rng=rng)]
        return rivals.coded(CODECS[way], self.x, bits, rng=rng)

    def answered(self, memory: Memory, by: str) -> Tensor:
        """Logits (N, classes) for a memory's pictures: the teacher's, or those that stand for the
        labels.
        """
        if by == "teacher":
            return answers(Frozen(self.teacher), memory.pictures)
        assert memory.labels is not None
        return labels_as_logits(memory.labels, 1 + int(self.y.max()))


@torch.no_grad()
def recalled(autoencoder: Any, x: Tensor, *, rng: torch.Generator | None) -> Tensor:
    """Each picture coded once, by one draw of its code, and decoded: what a buffer gives back. With
    no rng it is coded by its likeliest code.
    """
    parts = x.split(AT_ONCE)
    codes = (autoencoder.encode(as_unit(part), rng=rng) for part in parts)
    return torch.cat([as_bytes(autoencoder.decode(code)) for code in codes])


@torch.no_grad()
def imagined(autoencoder: Any, count: int, *, rng: torch.Generator) -> Tensor:
    """Decoded codes whose variables are all drawn uniformly: pictures that nobody has seen."""
    shape = (count, autoencoder.variables)
    codes = torch.randint(autoencoder.values, shape, generator=rng, device=rng.device)
    return torch.cat([as_bytes(autoencoder.decode(part)) for part in codes.split(AT_ONCE)])
