"""Losses on slopes: the student's derivatives with respect to the input are compared with the
teacher's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from distillery.losses.loss import Loss
from distillery.losses.outputs import wide, with_slopes
from distillery.models.slopes import is_relu_network, linearized, log_slopes
from distillery.protocols import Batch, Teacher

Weighting = Literal["uniform", "teacher"]


class DerivativeSquareError(Loss):
    """Half the square distance between the slopes of teacher and student, over all outputs.

    Outputs are compared as they are, or, with `log_probs=True`, after normalisation in the log
    domain, as equations 2.18 and 3.23 of the thesis do. `weighting="uniform"` is the mean over
    outputs (2.18), `"teacher"` their mean under the teacher's probabilities (3.24).

    Of a random teacher t(x, w), one draw an input overstates the value, as section 3.3.3 fears: it
    holds t inside a square. Yet t_y |d log f_y - d log t_y|^2 = t_y |d log f_y|^2 - 2 d log f_y . d
    t_y + |d t_y|^2 / t_y is linear in t wherever it holds f: under teacher weighting the excess is
    a constant and the gradient unbiased. Under uniform weighting the gradient is biased as well.

    Slopes of ReLU networks are products of masked matrices (see `models.slopes`), which need no
    second backward pass; `closed_form=False` differentiates them as everything else.
    """

    needs_slopes = True

    def __init__(
        self, *, log_probs: bool = True, weighting: Weighting = "uniform", closed_form: bool = True
    ) -> None:
        super().__init__()
        if weighting not in ("uniform", "teacher"):
            raise ValueError(f"weighting is {weighting!r}: 'uniform' or 'teacher' is needed")
        if weighting == "teacher" and not log_probs:
            raise ValueError(
                "weighting is 'teacher' and log_probs is False: outputs that are no probabilities"
                " cannot weight"
            )
        self.log_probs, self.weighting, self.closed_form = log_probs, weighting, closed_form

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        batch = with_slopes(batch)
        outputs, target = self._of_teacher(teacher, batch)
        _, slopes_of_student = self._of_student(student, batch.x)
        if slopes_of_student.shape != target.shape:
            raise ValueError(
                f"the teacher's slopes have shape {tuple(target.shape)}, the student's"
                f" {tuple(slopes_of_student.shape)}: as many classes are needed"
            )
        distance = 0.5 * (slopes_of_student - target).flatten(2).square().sum(-1)
        if self.weighting == "uniform":
            return distance.mean(-1)
        return (outputs.exp() * distance).sum(-1)

    def _of_teacher(self, teacher: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Outputs (B, K) and slopes (B, K, …), both without gradients."""
        if self.closed_form and self.log_probs and isinstance(teacher, Teacher):
            with torch.no_grad():
                known = teacher.log_slopes(batch)
            if known is not None:
                return known
        outputs = self._outputs(teacher(batch))
        return outputs.detach(), slopes(outputs, batch.x, keep=False, of="teacher").detach()

    def _of_student(self, student: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
        """The same, through which the student's weights get gradients."""
        if not (self.closed_form and is_relu_network(student)):
            outputs = self._outputs(student(x))
            return outputs, slopes(outputs, x, keep=True, of="student")
        if self.log_probs:
            return log_slopes(student, x)
        around = linearized(student, x)
        classes = around.outputs.shape[1]
        identity = torch.eye(classes, dtype=around.outputs.dtype, device=x.device)
        slopes_of_each = around.pull(identity.expand(len(x), -1, -1))
        return wide(around.outputs), wide(slopes_of_each)

    def _outputs(self, outputs: Tensor) -> Tensor:
        return wide(outputs).log_softmax(-1) if self.log_probs else wide(outputs)


class TwoSampleDerivatives(Loss):
    """A derivative loss of a random teacher whose value has no bias either: two independent draws,
    one factor of the square each.

    With t = E[t(x, w)] this is an unbiased estimate of  1/2 sum_y t_y^2 |d log f_y - d log t_y|^2,
    the derivative square error weighted by the *square* of the teacher's probability, because t_y d
    log f_y - d t_y is linear in t. The estimate may be negative. The batch carries two draws an
    example, `draw` (B, 2, …), from two independent chains.
    """

    needs_slopes = True

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        if batch.draw is None or batch.draw.dim() < 3 or batch.draw.shape[1] != 2:
            shape = None if batch.draw is None else tuple(batch.draw.shape)
            raise ValueError(
                f"batch.draw has shape {shape}: two draws an example, (B, 2, …), are needed, as of"
                " Alongside(inputs, chain, another)"
            )
        draws = batch.draw
        batch = with_slopes(batch)
        log_probs = wide(student(batch.x)).log_softmax(-1)
        of_student = slopes(log_probs, batch.x, keep=True, of="student").flatten(2)
        first, second = (
            self._residual(teacher, of_student, replace(batch, draw=draws[:, i])) for i in (0, 1)
        )
        return 0.5 * (first * second).sum(-1).sum(-1)

    def _residual(self, teacher: nn.Module, of_student: Tensor, batch: Batch) -> Tensor:
        """t_y d log f_y - d t_y for one of the two draws."""
        probs = wide(teacher(batch)).softmax(-1)
        of_teacher = slopes(probs, batch.x, keep=False, of="teacher").flatten(2).detach()
        return probs.detach()[..., None] * of_student - of_teacher


def slopes(outputs: Tensor, x: Tensor, *, keep: bool, of: str) -> Tensor:
    """The derivative of each of the K outputs with respect to each example's input: (B, K) and (B,
    …) give (B, K, …).
    """
    if outputs.dim() != 2 or len(outputs) != len(x):
        raise ValueError(
            f"the {of}'s outputs have shape {tuple(outputs.shape)} for {len(x)} inputs: (B, K) is"
            " needed for derivatives"
        )
    if not outputs.requires_grad:
        raise ValueError(
            f"the {of}'s answer has no derivative by the input: a differentiable"
            f" {of} is needed for this loss"
        )
    totals = (outputs[:, i].sum() for i in range(outputs.shape[1]))
    slopes_of_each = [
        torch.autograd.grad(total, x, create_graph=keep, retain_graph=True)[0] for total in totals
    ]
    return torch.stack(slopes_of_each, 1)
