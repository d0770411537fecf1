"""Logit standardisation: a student need not answer in the teacher's size, only in its order and
proportions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distillery.losses.loss import Loss
from distillery.losses.outputs import matched, wide
from distillery.protocols import Batch


class StandardizedTargets(Loss):
    """Cross entropy from the teacher's probabilities to the student's, the logits of both first
    brought to mean 0 and standard deviation 1 / temperature, times T squared (Sun et al., 2024).

    Whatever is added to all logits of an example, and by whatever they are multiplied, changes
    nothing: of either network.
    """

    def __init__(self, temperature: float = 2.0) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"temperature is {temperature!r}: a positive number is needed")
        self.temperature = temperature

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        logits = wide(student(batch.x))
        answer = wide(teacher(batch)).detach()
        target = matched(answer, logits, loss="StandardizedTargets")
        probs = (_standardized(target) / self.temperature).softmax(-1)
        log_probs = (_standardized(logits) / self.temperature).log_softmax(-1)
        return -(self.temperature**2) * (probs * log_probs).sum(-1)


def _standardized(logits: Tensor) -> Tensor:
    spread = logits.std(-1, keepdim=True, correction=0)
    tiny = torch.finfo(logits.dtype).eps
    return (logits - logits.mean(-1, keepdim=True)) / (spread + tiny)
