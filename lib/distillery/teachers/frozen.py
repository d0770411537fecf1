"""Teachers that compute their answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from distillery.losses.outputs import wide
from distillery.protocols import Batch, Teacher


class Frozen(Teacher):
    """A network as it stands: its parameters get no gradients, its inputs do. It stays in evaluation mode.

    The network itself is frozen, not a copy: a student's old self is `Frozen(copy.deepcopy(student))`.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Frozen:
        return super().train(False)

    def forward(self, batch: Batch) -> Any:
        return self.network(batch.x)


class Average(Teacher):
    """The mean of several teachers' probabilities, as normalised log probabilities (thesis, equation 2.15)."""

    def __init__(self, teachers: Sequence[Teacher]) -> None:
        super().__init__()
        if len(teachers) == 0:
            raise ValueError("teachers is empty: an average of at least one is needed")
        if strangers := [type(t).__name__ for t in teachers if not isinstance(t, Teacher)]:
            raise TypeError(f"teachers holds a {strangers[0]}: Teachers are needed, such as Frozen(network)")
        self.teachers = nn.ModuleList(teachers)

    def forward(self, batch: Batch) -> Tensor:
        log_probs = torch.stack([wide(teacher(batch)).log_softmax(-1) for teacher in self.teachers])
        return log_probs.logsumexp(0) - math.log(len(self.teachers))


class Formula(Teacher):
    """Any function of the inputs: `Formula(lambda x: x.sin())`."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, batch: Batch) -> Any:
        return self.function(batch.x)
