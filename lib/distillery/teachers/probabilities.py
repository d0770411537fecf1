"""Teachers of another making: a random forest, a model behind an interface, anything that gives
probabilities.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from distillery.protocols import Batch, Teacher


class Probabilities(Teacher):
    """The logarithms of the probabilities (B, K) that a function gives to inputs, which it gets as
    rows of numpy: `Probabilities(forest.predict_proba)`.

    Values can be learned from it, slopes cannot: a loss on derivatives refuses it.
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, batch: Batch) -> Tensor:
        inputs = batch.x.detach().flatten(1).cpu().numpy()
        probs = torch.as_tensor(self.function(inputs)).to(batch.x)
        if probs.dim() != 2 or len(probs) != len(batch):
            raise ValueError(
                f"the function gave shape {tuple(probs.shape)} for {len(batch)} inputs:"
                " probabilities (B, K) are needed"
            )
        off = float((probs.sum(-1) - 1).abs().max())
        if not (off < 1e-3 and bool((probs >= 0).all())):
            low = float(probs.min())
            raise ValueError(
                f"the function's rows add up to 1 ± {off:.3g}, the least entry being {low:.3g}:"
                " probabilities are needed"
            )
        return probs.log()
