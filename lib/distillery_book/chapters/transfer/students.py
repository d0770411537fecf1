"""Students that learn from a memory, one example a step, at two rates side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from distillery.distillation import distill
from distillery.generators import Resample
from distillery.generators.resample import as_unit
from distillery.losses import HardLabels, SoftTargets
from distillery.models.bank import Bank
from distillery.models.lenet import LeNet
from distillery.models.mlp import MLP
from distillery.support.place import Place
from distillery.teachers import Labels, Recorded
from distillery_book.chapters.transfer.memories import Memory

RATES = (1e-3, 1e-4)  # of which the better is reported, as in the papers
MARKS = (10, 100, 1000, 10_000, 100_000)  # episodes after which a student is looked at
AT_ONCE = 1000
EVERY = 5000  # steps between checkpoints

Held = tuple[Tensor, Tensor]


def student(kind: str, pixels: int, classes: int, *, rng: torch.Generator) -> nn.Module:
    """LeNet, or an MLP with two hidden layers of 300 units."""
    if kind == "lenet":
        return LeNet(rng=rng, classes=classes)
    return MLP((pixels, 300, 300, classes), rng=rng)


def taught(
    kind: str,
    memory: Memory,
    answers: Tensor,
    measured: dict[str, Held],
    place: Place,
    *,
    episodes: int,
    batch: int,
    rng: torch.Generator,
) -> dict[str, float]:
    """How right students of both rates are after 10, 100, … episodes, and the better of the two.

    Both start from the same weights and see the same examples. The better rate at each number of
    episodes is the one that answers more of the held-out images rightly; those of the test set
    choose nothing.
    """
    start = student(kind, memory.pictures[0].numel(), _classes(answers, measured), rng=rng)
    bank = Bank([deepcopy(start) for _ in RATES]).to(place.device)
    groups = [
        {"params": list(member.parameters()), "lr": rate}
        for member, rate in zip(bank.students, RATES, strict=True)
    ]
    is_labels = not answers.is_floating_point()
    probes = {name: _share_right(*images) for name, images in measured.items()}
    history = distill(
        Labels() if is_labels else Recorded(),
        bank,
        Resample(memory.pictures, answers, rng=rng),
        HardLabels() if is_labels else SoftTargets(),
        optimizer=torch.optim.Adam(groups, fused=True),
        batch_size=batch,
        steps=episodes // batch,
        probes=probes,
        probe_at=[mark // batch for mark in MARKS if batch <= mark <= episodes],
        checkpoint=place.scratch / "students.safetensors",
        every=EVERY,
        progress=lambda done, total: place.report(done / (total or 1)),
    )
    return dict(_metrics(history.probes, batch))


def better(held: Sequence[float]) -> int:
    """Which of the rates did better on the held-out images; of equals the first."""
    return max(range(len(held)), key=lambda index: held[index])


def _metrics(probes: Sequence[dict[str, Any]], batch: int) -> Iterator[tuple[str, float]]:
    for probe in probes:
        episodes = probe["step"] * batch
        for name in ("test", "held"):
            for rate, share in zip(RATES, probe[name], strict=True):
                yield f"{name}_{rate:g}_{episodes}", share
        chosen = better(probe["held"])
        yield f"accuracy_{episodes}", probe["test"][chosen]
        yield f"rate_{episodes}", RATES[chosen]


def _share_right(x: Tensor, y: Tensor) -> Callable[[nn.Module], Any]:
    """A probe: the share of these images that each student of a bank answers rightly."""

    def probe(bank: nn.Module) -> list[float]:
        parts = zip(x.split(AT_ONCE), y.split(AT_ONCE), strict=True)
        right = sum((bank(as_unit(some)).argmax(-1) == labels).sum(-1) for some, labels in parts)
        return [count / len(y) for count in torch.as_tensor(right).tolist()]

    return probe


def _classes(answers: Tensor, measured: dict[str, Held]) -> int:
    if answers.is_floating_point():
        return answers.shape[1]
    return 1 + max(int(labels.max()) for _, labels in measured.values())
