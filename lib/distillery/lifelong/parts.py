"""Losses that ask a part of the student, or a head for the task."""

from __future__ import annotations

from torch import Tensor, nn

from distillery.losses.loss import Loss
from distillery.models.output_mask import OutputMask
from distillery.protocols import Batch


class OfPart(Loss):
    """A loss of one part of a student that is an `nn.ModuleDict`:
    `OfPart("codec", PixelCrossEntropy()) + OfPart("reasoner", HardLabels())`.

    With a `teacher` of its own the part is not taught by the run's.
    """

    def __init__(self, part: str, loss: Loss, *, teacher: nn.Module | None = None) -> None:
        super().__init__()
        self.part, self.loss, self.teacher = part, loss, teacher

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        if not isinstance(student, nn.ModuleDict) or self.part not in student:
            raise TypeError(
                f"OfPart: the student is a {type(student).__name__}: an nn.ModuleDict with"
                f" {self.part!r} is needed"
            )
        own = teacher if self.teacher is None else self.teacher
        return self.loss.each(own, student[self.part], batch)


class WithinTask(Loss):
    """A loss whose networks answer each example with the outputs of its task alone: those of other
    tasks have probability zero.
    """

    def __init__(self, loss: Loss, mask: OutputMask) -> None:
        super().__init__()
        self.loss, self.mask = loss, mask

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        masked = _Masked(student, self.mask, batch.task)
        return self.loss.each(_MaskedTeacher(teacher, self.mask), masked, batch)


class _Masked(nn.Module):
    def __init__(self, network: nn.Module, mask: OutputMask, task: Tensor | None) -> None:
        super().__init__()
        self.network, self.mask, self.task = network, mask, task

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.mask(self.network(x), self.task)
        return logits


class _MaskedTeacher(nn.Module):
    """Labels pass as they are."""

    def __init__(self, teacher: nn.Module, mask: OutputMask) -> None:
        super().__init__()
        self.teacher, self.mask = teacher, mask

    def forward(self, batch: Batch) -> Tensor:
        answer: Tensor = self.teacher(batch)
        if answer.is_floating_point() and answer.shape == (len(batch), self.mask.allowed.shape[1]):
            return self.mask(answer, batch.task)
        return answer
