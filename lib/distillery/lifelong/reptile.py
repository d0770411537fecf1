"""Steps that are taken back in part: what meta-experience replay does to a learner."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from distillery.models.bits import check_size
from distillery.protocols import Stateful


class Reptile(Stateful):
    """After every `every` steps of `optimizer` the parameters go back to where they began these,
    but for a share `kept` of the way (Nichol et al., 2018).

    To first order that favours steps whose gradients agree; on batches of new and remembered
    examples it is meta-experience replay (Riemer et al., 2019).
    """

    remembers = ("done", "began")

    def __init__(self, optimizer: Any, *, every: int, kept: float) -> None:
        check_size("every", every)
        if not 0 < kept <= 1:
            raise ValueError(f"kept is {kept!r}: a share above 0 and at most 1 is needed")
        self.optimizer, self.every, self.kept = optimizer, every, kept
        self.done = 0
        self.began: dict[str, Tensor] = {}

    @property
    def param_groups(self) -> Any:
        return self.optimizer.param_groups

    def zero_grad(self) -> None:
        self.optimizer.zero_grad()

    @torch.no_grad()
    def step(self) -> None:
        parameters = [p for group in self.param_groups for p in group["params"]]
        if self.done % self.every == 0:
            self.began = {str(i): p.detach().clone() for i, p in enumerate(parameters)}
        self.optimizer.step()
        self.done += 1
        if self.done % self.every == 0:
            for i, p in enumerate(parameters):
                p.copy_(torch.lerp(self.began[str(i)], p, self.kept))

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "inner": self.optimizer.state_dict()}

    def load_state_dict(self, state: Any) -> None:
        super().load_state_dict(state)
        self.optimizer.load_state_dict(state["inner"])
