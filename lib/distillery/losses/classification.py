"""Losses between classifiers: labels, soft targets, logits."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from distillery.losses.loss import Loss
from distillery.losses.outputs import matched, matched_labels, wide
from distillery.protocols import Batch


class SoftTargets(Loss):
    """Cross entropy from the teacher's probabilities to the student's (thesis, equation 2.17), at a
    temperature (Hinton et al., 2015).

    Both networks give logits; normalised log probabilities are logits too. At temperature T both
    are divided by T and the value is multiplied by T squared, so that gradients keep their size.
    """

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"temperature is {temperature!r}: a positive number is needed")
        self.temperature = temperature

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        logits, answer = wide(student(batch.x)), wide(teacher(batch)).detach()
        if not answer.is_floating_point():
            raise TypeError(
                "SoftTargets: the teacher gave integer labels: logits are needed, or the loss"
                " HardLabels"
            )
        probs = (matched(answer, logits, loss="SoftTargets") / self.temperature).softmax(-1)
        return -(self.temperature**2) * (probs * (logits / self.temperature).log_softmax(-1)).sum(
            -1
        )


class HardLabels(Loss):
    """Cross entropy from integer labels to the student's probabilities."""

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        logits, labels = wide(student(batch.x)), teacher(batch)
        if not isinstance(labels, Tensor) or labels.dtype not in (
            torch.int64,
            torch.uint8,
            torch.int32,
        ):
            got = getattr(labels, "dtype", type(labels).__name__)
            raise TypeError(
                f"HardLabels: the teacher gave {got}: integer labels are needed, or the loss"
                " SoftTargets"
            )
        labels = matched_labels(labels.long(), logits, loss="HardLabels")
        return F.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), labels.reshape(-1), reduction="none"
        ).reshape(labels.shape)


class SquareError(Loss):
    """Half the mean square difference of outputs: values of a function, or logits (Ba and Caruana,
    2014).
    """

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        output = wide(student(batch.x))
        return 0.5 * (
            output - matched(wide(teacher(batch)).detach(), output, loss="SquareError")
        ).square().mean(-1)
