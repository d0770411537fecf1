"""Which outputs of a network belong to which task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from distillery.models.bits import check_size

# So far below any logit that its exponential is zero, and finite, because a loss multiplies log
# probabilities by probabilities, and zero times infinity is not a number.
FAR_BELOW = -1e9


class OutputMask(nn.Module):
    """One head a task: of K logits those of other tasks get the probability zero, and no gradient.

    `classes` are the labels of each task, `OutputMask([(0, 1), (2, 3)], 4)`. A mask is told the
    task of every example; `OutputMask.single(K, tasks)` is the learner that is not told, and leaves
    all outputs as they are.
    """

    allowed: Tensor

    def __init__(self, classes: Sequence[Sequence[int]], outputs: int) -> None:
        check_size("outputs", outputs)
        if not classes or not all(len(labels) for labels in classes):
            raise ValueError(f"classes is {classes!r}: at least one label for each task is needed")
        super().__init__()
        allowed = torch.zeros(len(classes), outputs, dtype=torch.bool)
        for task, labels in enumerate(classes):
            if not 0 <= min(labels) <= max(labels) < outputs:
                raise ValueError(
                    f"classes of task {task} reach from {min(labels)} to {max(labels)}: labels from"
                    f" 0 to {outputs - 1} are needed"
                )
            allowed[task, torch.tensor(labels)] = True
        self.register_buffer("allowed", allowed)

    @classmethod
    def single(cls, outputs: int, tasks: int) -> Self:
        """The single head that all tasks share."""
        check_size("tasks", tasks)
        return cls([range(outputs)] * tasks, outputs)

    def forward(self, logits: Tensor, task: Tensor | None) -> Tensor:
        """Logits (B, K) of examples of these tasks (B,)."""
        if task is None:
            raise ValueError("task is None: with a head for each task, each example must say its")
        if logits.shape != (len(task), self.allowed.shape[1]):
            raise ValueError(
                f"logits have shape {tuple(logits.shape)} for {len(task)} tasks:"
                f" ({len(task)}, {self.allowed.shape[1]}) is needed"
            )
        return logits.masked_fill(~self.allowed[task], FAR_BELOW)
