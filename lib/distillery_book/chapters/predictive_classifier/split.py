"""The two tasks of the study `dark_knowledge`, halved by a seed, and what predicts their labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from distillery.distillation import distill
from distillery.generators import Augmented, Generator, Resample
from distillery.losses import SoftTargets
from distillery.protocols import Teacher
from distillery.support.nearest import unknown
from distillery.training.schedules import linear_to_zero

TASKS = ("cancer", "digits")
LABELLED = 500  # of the digits

LogProbs = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Split:
    """Inputs and labels to learn from and to test on; which is which depends on the seed."""

    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor


@dataclass(frozen=True)
class Predictor:
    """Log probabilities of the classes, and how many numbers it must store to give them."""

    log_probs: LogProbs
    numbers: int
    extras: Mapping[str, float] = field(default_factory=dict)


def split(task: str, seed: int) -> Split:
    """`"cancer"`: 569 biopsies, 30 measurements standardised on the training half, and a constant.
    `"digits"`: 8x8 images, 500 labelled.
    """
    from sklearn import datasets

    if task not in TASKS:
        raise ValueError(unknown("task", task, TASKS))
    read = datasets.load_breast_cancer if task == "cancer" else datasets.load_digits
    x, y = (torch.as_tensor(column) for column in read(return_X_y=True))
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    count = LABELLED if task == "digits" else len(x) // 2
    learned, tested = order[:count], order[count:]
    x = x.float() / 16 if task == "digits" else _standardised(x.double(), learned)
    return Split(x[learned], y[learned], x[tested], y[tested])


def jittered(x: Tensor, amount: float, *, rng: torch.Generator) -> Generator:
    """The training inputs, drawn again and again, each time with fresh Gaussian noise."""
    return Augmented(
        Resample(x, rng=rng),
        lambda x, rng: x + amount * torch.randn(x.shape, generator=rng, dtype=x.dtype),
        rng=rng,
    )


def taught(
    teacher: Teacher,
    student: nn.Module,
    source: Generator,
    steps: int,
    *,
    rate: float,
    batch: int,
) -> None:
    """Distil by cross entropy and Adam, whose rate falls to nothing."""
    distill(
        teacher,
        student,
        source,
        SoftTargets(),
        optimizer=torch.optim.Adam(student.parameters(), lr=rate),
        batch_size=batch,
        steps=steps,
        schedule=linear_to_zero(steps),
    )


def detached(network: nn.Module) -> LogProbs:
    """The log probabilities that a network's outputs stand for."""
    return lambda x: network(x).detach().log_softmax(-1)


def parameters(network: nn.Module) -> int:
    """How many numbers a network stores."""
    return sum(p.numel() for p in network.parameters())


def _standardised(x: Tensor, index: Tensor) -> Tensor:
    mean, deviation = x[index].mean(0), x[index].std(0)
    return torch.cat([(x - mean) / deviation, torch.ones(len(x), 1, dtype=x.dtype)], 1)
