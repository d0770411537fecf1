"""Modules that draw: their random stream is part of their state, as their weights are."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WithStream(nn.Module):
    """A module with a stream of its own in `rng`, seeded by the `rng` it is made with, saved and
    copied with its weights.

    Its own, so that what else draws from the stream it was made with (data, another student)
    changes nothing here. The stream stays on the device it was made for; numbers are drawn there
    and move to where the inputs are.
    """

    def __init__(self, *, rng: torch.Generator) -> None:
        super().__init__()
        seed = int(torch.randint(2**62, (), generator=rng, device=rng.device))
        self.rng = torch.Generator(rng.device).manual_seed(seed)

    def get_extra_state(self) -> Tensor:
        return self.rng.get_state()

    def set_extra_state(self, state: Tensor) -> None:
        self.rng.set_state(state)
