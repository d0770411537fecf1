"""Gradient rules as optimizers around optimizers: a step that increases no loss on what is
remembered, to first order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from distillery.lifelong.lossless import LosslessMemory
from distillery.lifelong.memory import Memory
from distillery.lifelong.quadratic import multipliers
from distillery.protocols import Batch, Teacher


class Projected:
    """Before each step of `optimizer` the gradient is replaced by the nearest one that has no
    negative product with any of the `reference_gradients`, a matrix with a row each, or None.

    With one row for each earlier task it is gradient episodic memory (Lopez-Paz and Ranzato, 2017);
    with the gradient of one batch from the whole memory it is its averaged form, A-GEM (Chaudhry et
    al., 2019). `margin` is GEM's memory strength, which favours what is remembered.
    """

    def __init__(
        self,
        optimizer: Any,
        reference_gradients: Callable[[], Tensor | None],
        *,
        margin: float = 0.0,
    ) -> None:
        if not margin >= 0:
            raise ValueError(f"margin is {margin!r}: a number from 0 is needed")
        self.optimizer, self.reference_gradients = optimizer, reference_gradients
        self.margin = margin

    @property
    def param_groups(self) -> Any:
        return self.optimizer.param_groups

    def zero_grad(self) -> None:
        self.optimizer.zero_grad()

    def step(self) -> None:
        references = self.reference_gradients()
        if references is not None:
            self._project(references)
        self.optimizer.step()

    def state_dict(self) -> Any:
        return self.optimizer.state_dict()

    def load_state_dict(self, state: Any) -> None:
        self.optimizer.load_state_dict(state)

    @torch.no_grad()
    def _project(self, references: Tensor) -> None:
        parameters = [p for group in self.param_groups for p in group["params"]]
        gradient = flat([torch.zeros_like(p) if p.grad is None else p.grad for p in parameters])
        slopes = references @ gradient
        if not (slopes < 0).any():
            return
        products = (references @ references.T).double().cpu().numpy()
        v = multipliers(products, slopes.double().cpu().numpy(), self.margin)
        gradient += torch.from_numpy(v).to(gradient) @ references
        sizes = [p.numel() for p in parameters]
        for p, part in zip(parameters, gradient.split(sizes), strict=True):
            p.grad = torch.empty_like(p).copy_(part.view(p.shape))


class OfEarlierTasks:
    """Gradients of the loss on what is kept of each task before the `current` one, a row each."""

    def __init__(
        self, teacher: Teacher, student: nn.Module, loss: nn.Module, memory: LosslessMemory
    ) -> None:
        self.teacher, self.student, self.loss, self.memory = teacher, student, loss, memory
        self.current = 0

    def begin(self, task: int) -> None:
        self.current = task

    def __call__(self) -> Tensor | None:
        batches = [self.memory.of_task(task) for task in range(self.current)]
        kept = [batch for batch in batches if batch is not None]
        return _rows(self, kept) if kept else None


class OfTheMemory:
    """The gradient of the loss on n examples of a memory, one row, from the second task on."""

    def __init__(
        self, teacher: Teacher, student: nn.Module, loss: nn.Module, memory: Memory, *, n: int
    ) -> None:
        self.teacher, self.student, self.loss, self.memory = teacher, student, loss, memory
        self.n, self.current = n, 0

    def begin(self, task: int) -> None:
        self.current = task

    def __call__(self) -> Tensor | None:
        return _rows(self, [self.memory.draw(self.n)]) if self.current else None


def flat(tensors: list[Tensor]) -> Tensor:
    """All numbers of some tensors in one row."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def _rows(of: OfEarlierTasks | OfTheMemory, batches: list[Batch]) -> Tensor:
    learns = [p for p in of.student.parameters() if p.requires_grad]
    rows = torch.empty(len(batches), sum(p.numel() for p in learns))
    for row, batch in zip(rows, batches, strict=True):
        value = of.loss(of.teacher, of.student, batch)
        row.copy_(flat(list(torch.autograd.grad(value, learns))))
    return rows
