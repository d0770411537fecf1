"""A teacher who knows how an input was made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from distillery.protocols import Batch, Teacher


class Given(Teacher):
    """What is known of an input from the draw that made it: `function(batch.draw)`, an RBM's
    `visible_probs` of hidden units, say.

    The generator is `Ancestral(…, keep=True)`. Where the loss is linear in the answer, as cross
    entropy is, its mean is the one that the inputs themselves would give, and it varies less (Rao
    and Blackwell).
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, batch: Batch) -> Any:
        if batch.draw is None:
            raise ValueError(
                "batch.draw is None: Given reads the draw that made each input from it; use"
                " Ancestral(..., keep=True)"
            )
        return self.function(batch.draw)
