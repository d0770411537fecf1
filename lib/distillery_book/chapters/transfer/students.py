"""Students side by side, each learning from a memory of its own, one example a step."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from distillery.distillation import distill
from distillery.generators import Parallel, Resample
from distillery.generators.resample import as_unit
from distillery.losses import SoftTargets
from distillery.models.abreast import Abreast
from distillery.models.lenet import LeNet
from distillery.models.mlp import MLP
from distillery.support.place import Place
from distillery.teachers import Recorded
from distillery.training.run import History

RATES = (1e-3, 1e-4)  # of which the better is reported, as in the papers
MARKS = (10, 100, 1000, 10_000, 100_000)  # episodes after which students are looked at
AT_ONCE = 1000
EVERY = 2000  # steps between checkpoints

Examples = tuple[Tensor, Tensor]


def stream(seed: int, name: str, device: torch.device) -> torch.Generator:
    """A source of randomness that follows from a seed and a name alone."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:7], "big"))


def fresh(kind: str, pixels: int, classes: int, *, rng: torch.Generator) -> nn.Module:
    """LeNet, or an MLP with two hidden layers of 300 units."""
    if kind == "lenet":
        return LeNet(rng=rng, classes=classes)
    return MLP((pixels, 300, 300, classes), rng=rng)


def taught(
    kind: str,
    columns: Mapping[str, Examples],
    measured: Mapping[str, Examples],
    place: Place,
    *,
    episodes: int,
    seed: int,
) -> dict[str, float]:
    """How right the student of each column is after 10, 100, … episodes, at the better rate.

    A column is pictures with logits that answer them. The better rate at each number of episodes
    is the one by which more of the held-out images are answered rightly; the test set chooses
    nothing.
    """
    shares = {}
    for index, rate in enumerate(RATES):
        part = _Part(place, index / len(RATES), 1 / len(RATES))
        history = _history(kind, columns, measured, part, rate=rate, episodes=episodes, seed=seed)
        shares[rate] = history.probes
    return dict(_metrics(list(columns), shares))


def _history(
    kind: str,
    columns: Mapping[str, Examples],
    measured: Mapping[str, Examples],
    place: _Part,
    *,
    rate: float,
    episodes: int,
    seed: int,
) -> History:
    """All columns at one rate. First weights and examples are the same at every rate."""
    device = place.device
    pictures, logits = next(iter(columns.values()))
    students = [
        fresh(kind, pictures[0].numel(), logits.shape[1], rng=stream(seed, f"start {name}", device))
        for name in columns
    ]
    bank = Abreast(students).to(device)
    sources = [
        Resample(*examples, rng=stream(seed, f"order {name}", device))
        for name, examples in columns.items()
    ]
    return distill(
        Recorded(),
        bank,
        Parallel(sources),
        SoftTargets(),
        optimizer=torch.optim.Adam(bank.parameters(), lr=rate, fused=True),
        batch_size=len(students),
        steps=episodes,
        probes={name: _shares_right(*examples) for name, examples in measured.items()},
        probe_at=[mark for mark in MARKS if mark <= episodes],
        checkpoint=place.scratch / f"rate-{rate:g}.safetensors",
        every=EVERY,
        progress=place.progress,
    )


class _Part:
    """A part of a cell's way: its progress is reported as a share of the whole."""

    def __init__(self, whole: Place, begin: float, share: float) -> None:
        self.device, self.scratch = whole.device, whole.scratch
        self._whole, self._begin, self._share = whole, begin, share

    def progress(self, done: int, total: int | None) -> None:
        self._whole.report(self._begin + self._share * done / (total or 1))


def _shares_right(x: Tensor, y: Tensor) -> Callable[[nn.Module], Any]:
    """A probe: the share of these images that each student of a bank answers rightly."""

    def probe(bank: Any) -> list[float]:
        return [_share_right(bank.student(index).eval(), x, y) for index in range(len(bank))]

    return probe


@torch.no_grad()
def _share_right(student: nn.Module, x: Tensor, y: Tensor) -> float:
    parts = zip(x.split(AT_ONCE), y.split(AT_ONCE), strict=True)
    right = [student(as_unit(some)).argmax(-1) == labels for some, labels in parts]
    return float(torch.cat(right).double().mean())


def _metrics(
    columns: Sequence[str], shares: Mapping[float, Sequence[Mapping[str, Any]]]
) -> Iterator[tuple[str, float]]:
    """For each column and mark: the shares at every rate, that at the better, and which it is."""
    for marks in zip(*shares.values(), strict=True):
        episodes = marks[0]["step"]
        for index, column in enumerate(columns):
            held = [probe["held"][index] for probe in marks]
            test = [probe["test"][index] for probe in marks]
            for rate, on_held, on_test in zip(shares, held, test, strict=True):
                yield f"held_{rate:g}_{column}_{episodes}", on_held
                yield f"test_{rate:g}_{column}_{episodes}", on_test
            better = max(range(len(held)), key=held.__getitem__)  # of equals the first
            yield f"accuracy_{column}_{episodes}", test[better]
            yield f"rate_{column}_{episodes}", list(shares)[better]
