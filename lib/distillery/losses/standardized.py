"""Logit standardisation: a student need not answer in the teacher's size, only in its order and
proportions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from distillery.losses.classification import SoftTargets


class StandardizedTargets(SoftTargets):
    """Cross entropy from the teacher's probabilities to the student's, the logits of both first
    brought to mean 0 and standard deviation 1 / temperature, times T squared (Sun et al., 2024).

    Whatever is added to all logits of an example, and by whatever they are multiplied, changes
    nothing: of either network.
    """

    def __init__(self, temperature: float = 2.0) -> None:
        super().__init__(temperature)

    def scaled(self, logits: Tensor) -> Tensor:
        centred = logits - logits.mean(-1, keepdim=True)
        spread = logits.std(-1, keepdim=True, correction=0)
        tiny = torch.finfo(logits.dtype).eps
        return centred / (spread + tiny) / self.temperature
