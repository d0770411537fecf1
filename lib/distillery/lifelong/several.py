"""Several optimizers as one, each with its own rule and parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Several:
    """A rule for each part of a student: `Several([SGD(reasoner…), Adam(codec…)])`."""

    def __init__(self, optimizers: Sequence[Any]) -> None:
        if not optimizers:
            raise ValueError("optimizers is empty: at least one is needed")
        self.optimizers = list(optimizers)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def zero_grad(self) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    def step(self) -> None:
        for optimizer in self.optimizers:
            optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        return {str(i): optimizer.state_dict() for i, optimizer in enumerate(self.optimizers)}

    def load_state_dict(self, state: Any) -> None:
        for i, optimizer in enumerate(self.optimizers):
            optimizer.load_state_dict(state[str(i)])
