"""Students side by side on one stream, each with a loss of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from distillery.losses.loss import Loss
from distillery.losses.outputs import with_slopes
from distillery.models.bank import Bank
from distillery.models.once import once
from distillery.protocols import Batch


class EachItsOwn(Loss):
    """Student s of a bank learns by loss s: inputs that are dear to draw, and a teacher dear to
    ask, serve several students at once.

    The bank is a list, not stacked; each student trains as it would alone, and the teacher runs
    once on a batch for all of them, whatever layers their losses look into.
    """

    def __init__(self, losses: Sequence[Loss]) -> None:
        super().__init__()
        self.losses = nn.ModuleList(losses)
        self.needs_slopes = any(
            getattr(part, "needs_slopes", False) for loss in losses for part in loss.modules()
        )

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        if (
            not isinstance(student, Bank)
            or student.stacked
            or student.own_streams
            or len(student) != len(self.losses)
        ):
            raise ValueError(
                f"student is a {type(student).__name__}: a Bank of {len(self.losses)} students, not"
                " stacked, is needed"
            )
        batch = with_slopes(batch) if self.needs_slopes else batch
        pairs = zip(cast(Iterable[Loss], self.losses), student.students, strict=True)
        values = []
        for loss, member in pairs:
            with once(teacher, member, loss):  # the terms of one student's loss share its one run
                values.append(loss.each(teacher, member, batch))
        return torch.stack(values)
