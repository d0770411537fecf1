"""An unnormalised log density, watched at the door: a value is finite, or -inf where the density is
zero.

A sampler is `step(state, rng) -> state`, state (C, D) holding C chains: pure, the same state and
the same random stream give the same result. What it samples from is `log_density(states (C, D)) ->
(C,)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

LogDensity = Callable[[Tensor], Tensor]


class Step(Protocol):
    """A Markov transition of C chains at once, remembering nothing."""

    def __call__(self, state: Tensor, rng: torch.Generator, /) -> Tensor: ...


def evaluate(log_density: LogDensity, states: Tensor) -> Tensor:
    """The log density of every state; NaN and +inf are refused, and the state is named."""
    values = log_density(states)
    if not isinstance(values, Tensor) or values.shape != states.shape[:1]:
        got = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(
            f"log_density answered {got} to states of shape {tuple(states.shape)}: one value a"
            f" state, ({len(states)},), is needed"
        )
    if not bool((values < math.inf).all()):
        _refuse(values, states)
    return values


def evaluate_start(log_density: LogDensity, state: Tensor) -> Tensor:
    """The log density where chains start: shape (C, D), floating point, finite, of a density above
    zero.
    """
    check_states(state)
    values = evaluate(log_density, state)
    if bool((values == -math.inf).any()):
        worst = int((values == -math.inf).nonzero()[0, 0])
        raise ValueError(
            f"chain {worst} starts at {_show(state[worst])}, where the density is zero (log density"
            " -inf): start inside the support"
        )
    return values


def evaluate_gradient(log_density: LogDensity, states: Tensor) -> tuple[Tensor, Tensor]:
    """Log densities (C,) and their gradients (C, D), from one call."""
    with torch.enable_grad():
        leaf = states.detach().requires_grad_(True)
        values = evaluate(log_density, leaf)
        if not values.requires_grad:
            raise ValueError(
                "log_density has no gradient with respect to the states: compute it from them with"
                " differentiable torch functions"
            )
        (gradient,) = torch.autograd.grad(values.sum(), leaf)
    return values.detach(), gradient


def check_states(state: Any) -> None:
    """Chains are a finite floating-point tensor (C, D)."""
    if (
        not isinstance(state, Tensor)
        or state.dim() != 2
        or 0 in state.shape
        or not state.is_floating_point()
    ):
        got = (
            f"{state.dtype} of shape {tuple(state.shape)}"
            if isinstance(state, Tensor)
            else type(state).__name__
        )
        raise ValueError(f"state is {got}: a floating-point tensor (chains, dimensions) is needed")
    if not bool(state.isfinite().all()):
        worst = int((~state.isfinite()).any(1).nonzero()[0, 0])
        raise ValueError(
            f"chain {worst} is at {_show(state[worst])}: every coordinate must be finite"
        )


def check_scale(name: str, value: float | Tensor, dimensions: int | None = None) -> None:
    """A width, step size or mass: above zero and finite, one number or one a dimension."""
    tensor = torch.as_tensor(value)
    if tensor.dim() > 1 or not bool(((tensor > 0) & (tensor < math.inf)).all()):
        raise ValueError(
            f"{name} is {_show(tensor)}: a finite number above 0, or one a dimension, is needed"
        )
    if dimensions is not None and tensor.dim() == 1 and len(tensor) != dimensions:
        raise ValueError(
            f"{name} has {len(tensor)} entries, but states have {dimensions} dimensions: one"
            " number, or one a dimension, is needed"
        )


def check_count(name: str, value: int, least: int = 1) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} is {value!r}: a whole number of at least {least} is needed")


def _refuse(values: Tensor, states: Tensor) -> None:
    worst = int((~(values < math.inf)).nonzero()[0, 0])
    raise ValueError(
        f"log_density is {values[worst].item()} at state {_show(states[worst])}: finite values, or"
        " -inf for zero density, are allowed"
    )


def _show(tensor: Tensor) -> str:
    flat = tensor.detach().flatten().tolist()
    text = ", ".join(f"{number:.6g}" for number in flat[:6])
    return f"({text}, … {len(flat)} in all)" if len(flat) > 6 else f"({text})"
