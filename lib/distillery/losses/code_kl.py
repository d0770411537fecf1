"""How far a picture's code is from saying nothing: the second term of a variational autoencoder."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from distillery.losses.loss import Loss
from distillery.losses.outputs import wide
from distillery.models.once import look
from distillery.protocols import Batch


class CodeKL(Loss):
    """The divergence in nats from the student's distribution over codes to the uniform one,
    KL(q(z|x) || p(z)), summed over the variables of a code.

    The student puts out the logits of its code at its layer `layer`, (B, c, l). With a mean over
    n pixels, `PixelCrossEntropy() + (1 / n) * CodeKL()` is the negative evidence bound of a
    variational autoencoder, a pixel (Kingma and Welling, 2014).
    """

    def __init__(self, layer: str = "logits") -> None:
        super().__init__()
        self.layer = layer
        self.student_layers = (layer,)

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        logits = wide(look(student, batch.x, self.student_layers)[1][self.layer])
        if logits.dim() != 3:
            raise ValueError(
                f"CodeKL: layer {self.layer!r} puts out shape {tuple(logits.shape)}: logits"
                " (B, c, l) are needed"
            )
        log_probs = F.log_softmax(logits, -1)
        uniform = -math.log(logits.shape[-1])
        divergence: Tensor = (log_probs.exp() * (log_probs - uniform)).sum((1, 2))
        return divergence
