"""What the students of an ensemble have in common: the teacher, networks trained on labels, and
where inputs come from.

The teacher and whatever else several cells need lie in a folder beside the cells' own, named by all
that decides them: whichever cell comes first makes them, the others read them. Each is a piece
whose stream follows from a seed and a name, so a cell alone makes the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from distillery.data import as_bits
from distillery.distillation import distill
from distillery.generators import Augmented, Conditionals, Generator, Noise, Resample
from distillery.generators.asked import ask, in_type
from distillery.generators.augment import jitter
from distillery.generators.resample import as_unit
from distillery.losses import KL, HardLabels
from distillery.models.mlp import MLP, start_weights, unit_start
from distillery.models.nade import NADE, columns
from distillery.protocols import Batch
from distillery.teachers import Average, Labels, Recorded
from distillery.teachers.ensemble import ensemble, train_members
from distillery.tools.compress.recipes import as_bytes
from distillery.training.adadelta import Adadelta
from distillery_book.results.study import Context
from distillery_book.running.pieces import Pieces, Share

BATCH, AT_ONCE = 20, 500
SHARES = {"all": 1.0, "10pct": 0.1}
# of a tenth: the images that come first, as in the thesis, where others draw one at random
FIRST = "first"
REMEMBERED = (38, 2)  # variables and values of the recollections
STARTS = {"he": start_weights, "unit": unit_start}


@dataclass(frozen=True)
class Sizes:
    """How large everything is: the thesis', or less."""

    members: int = 30
    teacher_passes: int = 20
    teacher: tuple[int, ...] = (784, 500, 300, 10)
    student: tuple[int, ...] = (784, 50, 30, 10)
    nade: int = 500
    nade_passes: int = 10
    start: str = "he"  # of the first weights; the thesis' is unit

    def network(self, widths: tuple[int, ...], *, rng: torch.Generator) -> MLP:
        """A network of the teacher's or the student's widths, with first weights from `rng`."""
        return MLP(widths, rng=rng, start=STARTS[self.start])


@dataclass(frozen=True, eq=False)
class Parts:
    """Makes the parts of a cell, each kept as soon as it is done."""

    context: Context
    sizes: Sizes
    fingerprint: str
    seed: int

    def teacher(self, x: Tensor, y: Tensor, *, backwards: bool = False) -> Average:
        """All members are trained on all of the data, whatever the students see; from seed 0, for
        students of every seed.

        Of two cells that begin together one goes `backwards`: they meet half way.
        """
        networks: dict[int, nn.Module] = {}
        pieces = self._pieces(0, total=float(self.sizes.members))
        for index in sorted(range(self.sizes.members), reverse=backwards):
            network = self.sizes.network(self.sizes.teacher, rng=torch.Generator())
            network.load_state_dict(
                pieces(f"member-{index}", lambda rng, share: _member(self.sizes, x, y, rng, share))
            )
            networks[index] = network.to(self.context.device)
        return ensemble([networks[index] for index in range(self.sizes.members)])

    def direct(self, x: Tensor, y: Tensor, share: str) -> nn.Module:
        """A network of the students' form, trained on the labels of the students' share as a member
        is, but on no bootstrap.
        """
        network = self.sizes.network(self.sizes.student, rng=torch.Generator())
        train = partial(_direct, self.sizes, x, y)
        pieces = self._pieces(self.seed, total=1.0)
        network.load_state_dict(pieces(f"direct-{share}-{self.seed}", train))
        return network.to(self.context.device).eval()

    def nade(self, x: Tensor, share: str) -> NADE:
        """Maximum likelihood on rounded pictures, columns in raster order (thesis, 2.2.3)."""
        order = columns(*x.shape[-2:])
        nade = NADE(x[0].numel(), self.sizes.nade, rng=torch.Generator(), order=order)
        train = partial(_nade, self.sizes, x)
        pieces = self._pieces(self.seed, total=1.0)
        nade.load_state_dict(pieces(f"nade-{share}-{self.seed}", train))
        return nade.to(self.context.device)

    def share(self, n: int, name: str) -> Tensor:
        """Which examples the students' side sees: all of them, a tenth drawn at random, or the
        first tenth.
        """
        if name == FIRST:
            return torch.arange(n // 10, device=self.context.device)
        stream = self._pieces(self.seed, total=1.0).stream(f"share-{name}")
        shuffled = torch.randperm(n, generator=stream, device=self.context.device)
        return shuffled[: round(SHARES[name] * n)].sort().values

    def _pieces(self, seed: int, *, total: float) -> Pieces:
        deciding = f"{self.fingerprint} {self.sizes} {self.context.device.type}"
        name = hashlib.sha256(deciding.encode()).hexdigest()[:12]
        folder = self.context.scratch.parent / f"shared-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        return Pieces(replace(self.context, scratch=folder), seed, total=total)


def remembered(x: Tensor, autoencoder: nn.Module) -> Tensor:
    """Pictures as chapter 2 remembers them in 38 bits, in bytes: the likeliest code of each,
    decoded.
    """
    student: Any = autoencoder.to(x.device)
    return torch.cat([as_bytes(student.reconstruct(as_unit(part))) for part in x.split(1000)])


def inputs(
    name: str, x: Tensor, parts: Parts, share: str, *, rng: torch.Generator, shift: float = 1.0
) -> Generator:
    """Where the inputs come from: the data in turn, a NADE's conditional probabilities, N(0, I), or
    the data jittered by `shift` pixels.
    """
    shape = tuple(x.shape[1:])
    if name == "nade":
        return Conditionals(parts.nade(x, share), rng=rng, shape=shape)
    if name == "noise":
        return Noise(shape, rng=rng)
    pictures = Resample(x, rng=rng)
    if name == "mnist":
        return pictures
    return Augmented(pictures, jitter(shift=shift, turn=5 * shift, scale=shift / 20), rng=rng)


def drawn(source: Generator, count: int) -> Tensor:
    """So many inputs of a generator, to be used again and again: pictures in bytes, whatever leaves
    [0, 1] as it is.
    """
    first = source.draw(min(count, AT_ONCE)).x
    keep = as_bytes if _are_pictures(first) else Tensor.float
    pool = keep(first).new_empty(count, *first.shape[1:])
    pool[: len(first)] = keep(first)
    for begin in range(len(first), count, AT_ONCE):
        pool[begin : begin + AT_ONCE] = keep(source.draw(min(AT_ONCE, count - begin)).x)
    return pool


def answered(
    x: Tensor, teacher: Average, *, slopes: bool, dtype: torch.dtype | None, rng: torch.Generator
) -> Resample:
    """Inputs, all of whose answers are asked for once and kept, slopes in half precision."""
    asked, kept = in_type(teacher, dtype), torch.zeros(0)
    for begin in range(0, len(x), AT_ONCE):
        answer = ask(asked, Batch(as_unit(x[begin : begin + AT_ONCE])), slopes=slopes, dtype=dtype)
        if not begin:
            kind = torch.half if slopes else answer.dtype
            kept = answer.new_empty(len(x), *answer.shape[1:], dtype=kind)
        kept[begin : begin + len(answer)] = answer
    return Resample(x, kept, rng=rng)


def mark(network: nn.Module) -> float:
    """A number that tells one set of weights from another: 48 bits of their hash, which a record
    holds exactly.
    """
    digest = hashlib.sha256()
    for p in network.parameters():
        digest.update(p.detach().cpu().numpy().tobytes())
    return float(int.from_bytes(digest.digest()[:6], "big"))


def _are_pictures(x: Tensor) -> bool:
    """Whether all values lie in [0, 1], which interpolation may leave by a last digit."""
    low, high = x.aminmax()
    return bool((255 * low).round() >= 0 and (255 * high).round() <= 255)


def _member(
    sizes: Sizes, x: Tensor, y: Tensor, rng: torch.Generator, share: Share
) -> dict[str, Tensor]:
    [network] = train_members(
        lambda rng: sizes.network(sizes.teacher, rng=rng),
        x,
        y,
        streams=[rng],
        passes=sizes.teacher_passes,
        batch_size=BATCH,
        progress=_told(share, sizes.teacher_passes * len(x)),
    )
    return dict(network.state_dict())


def _direct(
    sizes: Sizes, x: Tensor, y: Tensor, rng: torch.Generator, share: Share
) -> dict[str, Tensor]:
    network = sizes.network(sizes.student, rng=rng).to(x.device)
    distill(
        Labels(),
        network,
        Resample(x, y, rng=rng, passes=sizes.teacher_passes),
        HardLabels(),
        optimizer=Adadelta(network.parameters()),
        batch_size=BATCH,
        progress=_told(share, sizes.teacher_passes * len(x)),
    )
    return dict(network.state_dict())


def _nade(sizes: Sizes, x: Tensor, rng: torch.Generator, share: Share) -> dict[str, Tensor]:
    bits = as_bits(x)
    nade = NADE(bits.shape[1], sizes.nade, rng=rng, order=columns(*x.shape[-2:])).to(x.device)
    distill(
        Recorded(),
        nade,
        Resample(bits, bits, rng=rng, passes=sizes.nade_passes),
        KL(),
        optimizer=Adadelta(nade.parameters()),
        batch_size=BATCH,
        progress=_told(share, sizes.nade_passes * len(x)),
    )
    return dict(nade.state_dict())


def _told(share: Share, examples: int) -> Callable[[int, int | None], None]:
    """Progress in steps as a share of the steps that so many examples take."""
    steps = max(1, examples // BATCH)
    return lambda done, _: share(done / steps)
