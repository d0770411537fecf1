"""Losses between classifiers: labels, soft targets, logits."""

from __future__ import annotations

from typing import Any, TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from distillery.losses.loss import Loss
from distillery.losses.outputs import matched, matched_labels, wide
from distillery.protocols import Batch

INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


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

    def scaled(self, logits: Tensor) -> Tensor:
        """Logits as they are compared."""
        return logits / self.temperature

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        logits, name = wide(student(batch.x)), type(self).__name__
        answer = teacher(batch)
        if not isinstance(answer, Tensor) or not answer.is_floating_point():
            raise TypeError(
                f"{name}: the teacher gave {_kind(answer)}: logits are needed, or the loss"
                " HardLabels"
            )
        targets = matched(wide(answer).detach(), logits, loss=name)
        if logits.dim() < 2:
            raise ValueError(
                f"{name}: student and teacher answer with shape {tuple(logits.shape)}: logits"
                " of every class, (B, K), are needed"
            )
        probs = self.scaled(targets).softmax(-1)
        log_probs = self.scaled(logits).log_softmax(-1)
        return -(self.temperature**2) * (probs * log_probs).sum(-1)


class HardLabels(Loss):
    """Cross entropy from integer labels to the student's probabilities.

    A teacher that answers integers, as `Labels()` does, gives the labels. Any other leaves them to
    the batch, whose `y` must then hold them: a network that answers logits, say. So the mixed loss
    of Hinton et al. (2015), `0.9 * SoftTargets(temperature=4.0) + 0.1 * HardLabels()`, takes a
    network for its teacher, `Frozen(network)`, and labelled data, `Resample(x, y, rng=rng)`. As the
    whole of a loss it refuses a teacher that answers no labels, because nothing would be learned
    from it.

    Labels count classes from 0. On a CPU one that is out of range is refused in a sentence; on an
    accelerator, where looking at a value would make every step wait, torch stops the run itself.
    """

    def forward(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        answer = teacher(batch)
        if not _are_integers(answer):
            raise TypeError(
                f"HardLabels: the teacher gave {_kind(answer)}, which this loss would not read when"
                " it stands alone: integer labels are needed, as of the teacher Labels(), or the"
                " loss SoftTargets, or a sum of both"
            )
        return super().forward(teacher, student, batch)

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        logits = wide(student(batch.x))
        labels = matched_labels(labels_of(teacher(batch), batch).long(), logits, loss="HardLabels")
        values = F.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), labels.reshape(-1), reduction="none"
        )
        return values.reshape(labels.shape)


class SquareError(Loss):
    """Half the mean square difference of outputs: values of a function, or logits (Ba and Caruana,
    2014).
    """

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        output = wide(student(batch.x))
        target = matched(wide(teacher(batch)).detach(), output, loss="SquareError")
        return 0.5 * (output - target).square().mean(-1)


def labels_of(answer: Any, batch: Batch, *, loss: str = "HardLabels") -> Tensor:
    """The teacher's answer if it is of integers, else the labels that travelled with the inputs."""
    labels = answer if _are_integers(answer) else batch.y
    if not _are_integers(labels):
        raise TypeError(
            f"{loss}: the teacher gave {_kind(answer)} and batch.y is {_kind(batch.y)}: integer"
            " labels are needed from one of them"
        )
    return labels


def _are_integers(answer: Any) -> TypeGuard[Tensor]:
    return isinstance(answer, Tensor) and answer.dtype in INTEGERS


def _kind(answer: Any) -> str:
    """What an answer is, in a few words: `torch.float32`, `integer labels`, `list`, `None`."""
    if _are_integers(answer):
        return "integer labels"
    if answer is None:
        return "None"
    return str(getattr(answer, "dtype", type(answer).__name__))
