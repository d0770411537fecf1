"""Losses between pictures and what an autoencoder makes of them.

The teacher answers with the pictures: `teachers.Inputs()`.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from distillery.losses.loss import Loss
from distillery.losses.outputs import matched, wide
from distillery.models.once import look
from distillery.protocols import Batch


class AbsoluteError(Loss):
    """The mean over pixels of |x - reconstruction|, the distortion that the recollection papers
    report.

    From scratch it drives an autoencoder to the black picture, the median of most pixels: start
    with `PixelCrossEntropy`.
    """

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        output = wide(student(batch.x))
        target = matched(wide(teacher(batch)).detach(), output, loss="AbsoluteError")
        return _mean_over_pixels((output - target).abs(), batch)


class PixelCrossEntropy(Loss):
    """The mean over pixels of -x log q - (1 - x) log(1 - q), q being the student's pixel and x the
    teacher's, both in [0, 1].

    It reads the logits of q where they arise, at the student's layer `layer`: of a pixel in [0, 1]
    the digits that matter are lost as soon as it is rounded to 0 or 1.
    """

    def __init__(self, layer: str = "decoder") -> None:
        super().__init__()
        self.layer = layer
        self.student_layers = (layer,)

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        logits = wide(look(student, batch.x, self.student_layers)[1][self.layer])
        target = matched(wide(teacher(batch)).detach(), logits, loss="PixelCrossEntropy")
        low, high = (value.item() for value in target.aminmax())
        # Written so that NaN is refused as well.
        if not (low >= 0 and high <= 1):
            raise ValueError(
                f"PixelCrossEntropy: the teacher's pixels go from {low:g} to {high:g}: values from"
                " 0 to 1 are needed"
            )
        values = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return _mean_over_pixels(values, batch)


def _mean_over_pixels(each: Tensor, batch: Batch) -> Tensor:
    """(B,), or (S, B) for a Bank, whose outputs have one dimension more than the inputs."""
    return each.flatten(each.dim() - batch.x.dim() + 1).mean(-1)
