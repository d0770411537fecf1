"""Decoupled distillation: what the teacher thinks of the label, and of the other classes, apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distillery.losses.classification import labels_of
from distillery.losses.loss import Loss
from distillery.losses.outputs import matched, matched_labels, wide
from distillery.protocols import Batch


class DecoupledTargets(Loss):
    """alpha KL(b_teacher || b_student) + beta KL(o_teacher || o_student), times T squared, where b
    is label or not, and o the classes other than the label (Zhao et al., 2022).

    With alpha 1 and, example by example, beta the share that the teacher gives to other classes it
    is `SoftTargets` up to the teacher's entropy: the usual loss learns least of the others where
    the teacher is sure. The labels are those of the batch.
    """

    def __init__(self, temperature: float = 4.0, *, alpha: float = 1.0, beta: float = 8.0) -> None:
        super().__init__()
        if not (temperature > 0 and alpha >= 0 and beta >= 0):
            raise ValueError(
                f"temperature is {temperature!r}, alpha {alpha!r} and beta {beta!r}: a positive"
                " temperature and weights of at least 0 are needed"
            )
        self.temperature, self.alpha, self.beta = temperature, alpha, beta

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        logits = wide(student(batch.x))
        answer = wide(teacher(batch)).detach()
        target = matched(answer, logits, loss="DecoupledTargets")
        labels = labels_of(answer, batch, loss="DecoupledTargets").long()
        labels = matched_labels(labels, logits, loss="DecoupledTargets")
        theirs = _parted(target / self.temperature, labels)
        ours = _parted(logits / self.temperature, labels)
        of_label, of_others = (_kl(t, s) for t, s in zip(theirs, ours, strict=True))
        return self.temperature**2 * (self.alpha * of_label + self.beta * of_others)


def _parted(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Log probabilities of label or not, (…, 2), and of the other classes among themselves, the
    label having none.
    """
    is_label = torch.zeros_like(logits, dtype=torch.bool).scatter_(-1, labels[..., None], True)
    log_probs = logits.log_softmax(-1)
    others = log_probs.masked_fill(is_label, -torch.inf)
    of_label = log_probs.gather(-1, labels[..., None])
    pair = torch.cat([of_label, others.logsumexp(-1, keepdim=True)], -1)
    return pair, others.log_softmax(-1)


def _kl(first: Tensor, second: Tensor) -> Tensor:
    """The divergence of two rows of log probabilities; where neither allows a class it adds 0."""
    possible = torch.isfinite(first) & torch.isfinite(second)
    difference = torch.where(possible, first, 0.0) - torch.where(possible, second, 0.0)
    return (first.exp() * difference).sum(-1)
