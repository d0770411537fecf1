"""How noisy a loss is: its gradient on every example, where the loop knows that of a mean alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distillery.losses.loss import Loss
from distillery.protocols import Batch


def gradients(loss: Loss, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
    """The gradient of each example's loss with respect to all parameters of the student, a row an
    example.
    """
    weights = list(student.parameters())
    rows = []
    for value in loss.each(teacher, student, batch):
        parts = torch.autograd.grad(value, weights, retain_graph=True)
        rows.append(torch.cat([part.flatten() for part in parts]))
    return torch.stack(rows)
