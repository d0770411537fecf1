"""Streams of tiny tasks, and who learns them in no time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distillery.data.tasks import Task
from distillery.lifelong import Carried, Learner, LosslessMemory, Reservoir, WithinTask
from distillery.losses import HardLabels
from distillery.models.mlp import MLP
from distillery.models.output_mask import OutputMask

SHAPE = (1, 28, 28)
TASKS, PER_TASK = 3, 2
CLASSES = TASKS * PER_TASK
MASK = OutputMask([range(PER_TASK * t, PER_TASK * (t + 1)) for t in range(TASKS)], CLASSES)
CARRIED = Carried(CLASSES, TASKS)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int, labels: Tensor, seed: int = 0) -> Tensor:
    """Noise with a bright row at the height of the label."""
    x = torch.randint(120, (count, *SHAPE), generator=rng(seed), dtype=torch.uint8)
    x[torch.arange(count), 0, 3 * labels] = 250
    return x


def task(number: int, count: int = 40, tests: int = 12) -> Task:
    y, y_test = (PER_TASK * number + torch.arange(size) % PER_TASK for size in (count, tests))
    x, x_test = pictures(count, y, 2 * number), pictures(tests, y_test, 2 * number + 1)
    classes = tuple(range(PER_TASK * number, PER_TASK * (number + 1)))
    return Task(f"task {number}", x, y, x_test, y_test, classes)


def tasks(count: int = 40) -> list[Task]:
    return [task(number, count) for number in range(TASKS)]


def student(seed: int = 0) -> nn.Module:
    return MLP([784, 8, CLASSES], rng=rng(seed))


def lossless(capacity: int = 12, answers: int = 0, seed: int = 3) -> LosslessMemory:
    carried = Carried(CLASSES, TASKS, answers)
    return LosslessMemory(SHAPE, Reservoir(capacity, rng=rng(seed)), carried, rng=rng(seed))


def answer(network: nn.Module):
    return lambda x, number: MASK(network(x), number)


def learner(network: nn.Module, **more: object) -> Learner:
    chosen = {
        "loss": WithinTask(HardLabels(), MASK),
        "optimizer": torch.optim.SGD(network.parameters(), lr=0.05),
        "answer": answer(network),
        **more,
    }
    return Learner(student=network, **chosen)
