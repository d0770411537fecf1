"""What a lifelong learner knows after each task: the accuracy matrix, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class AccuracyMatrix:
    """`values` (T, T): row i is measured when task i has been learned, column j on the test
    examples of task j; what was not measured is not a number. `before` (T,) is measured before
    anything was learned.

    Lopez-Paz and Ranzato (2017) define the transfers, Chaudhry et al. (2018) forgetting.
    """

    values: Tensor
    before: Tensor

    def __post_init__(self) -> None:
        rows, columns = self.values.shape
        if rows not in (1, columns) or self.before.shape != (columns,):
            raise ValueError(
                f"values has shape {tuple(self.values.shape)} and before"
                f" {tuple(self.before.shape)}: (T, T), or (1, T) where all came at once, and (T,)"
                " are needed"
            )

    @property
    def retained(self) -> float:
        """The accuracy at the end, averaged over tasks: *retention* in the recollection papers,
        average accuracy elsewhere.
        """
        return float(self.values[-1].mean())

    @property
    def backward_transfer(self) -> float:
        """What later tasks did to earlier ones since these were learned, on average."""
        self._check_stream()
        learned = self.values.diagonal()[:-1]
        return float((self.values[-1, :-1] - learned).mean())

    @property
    def forward_transfer(self) -> float:
        """What a task was known better by just before it came than before everything."""
        self._check_stream()
        just_before = self.values.diagonal(1)
        return float((just_before - self.before[1:]).mean())

    @property
    def forgetting(self) -> float:
        """How far tasks are below the best that they ever were before the end, on average."""
        self._check_stream()
        best = self.values[:-1, :-1].nan_to_num(-torch.inf).amax(0)
        return float((best - self.values[-1, :-1]).mean())

    def _check_stream(self) -> None:
        if len(self.values) < 2:
            raise ValueError("the matrix has one row: at least two tasks in order are needed")
