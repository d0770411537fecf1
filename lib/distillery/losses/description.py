"""What a code costs to write down: a loss that makes an autoencoder's codes predictable."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from distillery.losses.loss import Loss
from distillery.losses.outputs import wide
from distillery.models.once import look
from distillery.protocols import Batch


class CodeBits(Loss):
    """The bits that an entropy coder would write for the student's code z, -log2 p(z), under a
    prior that learns along with it.

    `prior` answers one-hot codes (B, c, l) with log probabilities (B,), natural, as
    `storage.CodePrior` does. The student puts its code out at its layer `layer`, one-hot, and hears
    what every other value would have cost. Added to a distortion, `AbsoluteError() + rate *
    CodeBits(prior)`, it makes the Lagrangian of rate and distortion: at its minimum a bit more is
    worth `rate` less distortion.
    """

    def __init__(self, prior: nn.Module, layer: str = "code") -> None:
        super().__init__()
        self.prior = prior
        self.layer = layer
        self.student_layers = (layer,)

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        codes = look(student, batch.x, self.student_layers)[1][self.layer]
        if codes.dim() != 3:
            raise ValueError(
                f"CodeBits: layer {self.layer!r} puts out shape {tuple(codes.shape)}: one-hot codes"
                " (B, c, l) are needed"
            )
        # The prior's sums of whole numbers are exact in float32 alone.
        with torch.autocast(codes.device.type, enabled=False):
            log_probs: Tensor = self.prior(wide(codes))
        return -log_probs / math.log(2)
