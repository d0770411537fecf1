"""ADADELTA with Zeiler's own constants, which on a CPU updates each parameter in one pass over
memory.

Small networks at small batches spend most of a step in the update. torch's makes some ten passes
over four arrays, this one a single pass.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from distillery.support.machine_code import VECTORS, compiled

# A mean below so many times eps is nothing beside eps, and is set to zero. Left to fade below
# 1e-38, where products take far longer, it would slow down every step.
_FADED = np.float32(1e-24)


class Adadelta(torch.optim.Adadelta):
    """ADADELTA: a step is the gradient times RMS(steps before) / RMS(gradients), both over windows
    of 1 / (1 - rho) steps (Zeiler, 2012, algorithm 1).

    `torch.optim.Adadelta` to float rounding, with its state. The defaults are the paper's, and so
    the thesis': torch's rho is 0.9. What is not contiguous float32 on a CPU, and what asks for
    weight decay, is left to torch.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.95,
        eps: float = 1e-6,
        **more: Any,
    ) -> None:
        super().__init__(params, lr=lr, rho=rho, eps=eps, **more)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        if closure is not None or not all(_is_plain(group) for group in self.param_groups):
            loss: float | None = super().step(closure)
            return loss
        for group in self.param_groups:
            values = (group["rho"], 1 - group["rho"], group["eps"], group["lr"])
            settings = [np.float32(value) for value in values]
            for p in group["params"]:
                if p.grad is not None:
                    self._update(p, settings)
        return None

    def _update(self, p: Tensor, settings: list[Any]) -> None:
        assert p.grad is not None
        state = self.state[p]
        if not state:
            state["step"] = torch.zeros(())
            state["square_avg"] = torch.zeros_like(p)
            state["acc_delta"] = torch.zeros_like(p)
        state["step"] += 1
        tensors = (p, p.grad, state["square_avg"], state["acc_delta"])
        arrays = [tensor.detach().view(-1).numpy() for tensor in tensors]
        _compiled()(*arrays, *settings)


def _is_plain(group: dict[str, Any]) -> bool:
    """Whether the compiled pass takes the group: contiguous float32 on a CPU, nothing special."""
    if group["weight_decay"] or group["maximize"]:
        return False
    with_gradient = [p for p in group["params"] if p.grad is not None]
    return all(
        t.dtype == torch.float32 and t.device.type == "cpu" and t.is_contiguous()
        for p in with_gradient
        for t in (p, p.grad)
    )


def _one_pass(
    p: Any, gradient: Any, square: Any, moved: Any, rho: Any, rest: Any, eps: Any, rate: Any
) -> None:
    """The update of every entry of a parameter, compiled; `rest` is 1 - rho."""
    faded = eps * _FADED
    for i in range(p.size):
        g = gradient[i]
        mean = rho * square[i] + rest * g * g
        square[i] = np.float32(0) if mean < faded else mean
        step = np.sqrt((moved[i] + eps) / (square[i] + eps)) * g
        mean = rho * moved[i] + rest * step * step
        moved[i] = np.float32(0) if mean < faded else mean
        p[i] -= rate * step


@functools.cache
def _compiled() -> Any:
    return compiled(_one_pass, **VECTORS)
