"""A rate for every parameter, which learns from whether gradients agree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class OwnRates(torch.optim.Optimizer):
    """Gradient descent with a rate for each parameter: it grows by `learns` times the product of
    this step's gradient and the last one's, and a parameter whose rate is negative stays.

    On batches of new and remembered examples that is look-ahead meta-learning (La-MAML, Gupta et
    al., 2020) to first order and with one look ahead; theirs looks ahead over several.
    """

    def __init__(self, params: Iterable[Tensor], *, lr: float, learns: float) -> None:
        if not (lr > 0 and learns >= 0):
            raise ValueError(
                f"lr is {lr!r} and learns {learns!r}: a positive rate, and a number from 0, are"
                " needed"
            )
        super().__init__(params, {"lr": lr, "learns": learns})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._move(p, p.grad, group)

    def _move(self, p: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[p]
        if not state:
            state["rate"] = torch.full_like(p, group["lr"])
        else:
            state["rate"] += group["learns"] * gradient * state["last"]
        state["last"] = gradient.clone()
        p -= state["rate"].clamp(min=0) * gradient
