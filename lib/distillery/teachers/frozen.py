"""Teachers that compute their answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from distillery.losses.outputs import wide
from distillery.models.slopes import is_relu_network, log_slopes, mean_log_slopes
from distillery.protocols import Batch, Teacher


class Frozen(Teacher):
    """A network as it stands: its parameters get no gradients, its inputs do.

    It stays in evaluation mode. The network itself is frozen, not a copy: a student's old self is
    `Frozen(copy.deepcopy(student))`.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Frozen:
        return super().train(False)

    def forward(self, batch: Batch) -> Any:
        return self.network(batch.x)

    def log_slopes(self, batch: Batch) -> tuple[Tensor, Tensor] | None:
        return log_slopes(self.network, batch.x) if is_relu_network(self.network) else None


class Average(Teacher):
    """The mean of several teachers' probabilities, as normalised log probabilities (thesis,
    equation 2.15).
    """

    def __init__(self, teachers: Sequence[Teacher]) -> None:
        super().__init__()
        if len(teachers) == 0:
            raise ValueError("teachers is empty: an average of at least one is needed")
        strangers = [type(t).__name__ for t in teachers if not isinstance(t, Teacher)]
        if strangers:
            raise TypeError(
                f"teachers holds a {strangers[0]}: Teachers are needed, such as Frozen(network)"
            )
        self.teachers = nn.ModuleList(teachers)

    def forward(self, batch: Batch) -> Tensor:
        log_probs = [wide(teacher(batch)).log_softmax(-1) for teacher in self.teachers]
        shapes = [tuple(answer.shape) for answer in log_probs]
        if len(set(shapes)) > 1:
            raise ValueError(
                f"the teachers' answers have shapes {shapes}: as many classes are needed from all"
            )
        return torch.stack(log_probs).logsumexp(0) - math.log(len(log_probs))

    def log_slopes(self, batch: Batch) -> tuple[Tensor, Tensor] | None:
        networks = [
            teacher.network
            for teacher in self.teachers
            if isinstance(teacher, Frozen) and is_relu_network(teacher.network)
        ]
        return mean_log_slopes(networks, batch.x) if len(networks) == len(self.teachers) else None


class Formula(Teacher):
    """Any function of the inputs: `Formula(lambda x: x.sin())`."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, batch: Batch) -> Any:
        return self.function(batch.x)
