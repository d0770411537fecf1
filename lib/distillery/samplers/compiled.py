"""Univariate slice sampling compiled to machine code, chain after chain; equal in distribution to
`Slice`.

A slice update asks for a dozen values of the density one after the other. Where each takes well
under a microsecond, the calls between them are the cost: here there are none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from distillery.samplers.density import (
    check_count,
    check_scale,
    check_states,
    evaluate,
    evaluate_start,
)


@dataclass(frozen=True, eq=False)
class CompiledSlice:
    """One sweep of univariate slice updates (Neal, 2003) of every chain.

    `kernel(w, data)` is the log density at one state `w` (D,), a function compiled by `numba.njit`;
    `data` is a tuple of arrays handed to it. States are float64 on the CPU.
    """

    kernel: Callable[..., float]
    data: tuple[Any, ...] = ()
    width: float | Tensor = 1.0
    max_steps: int = 100

    def __post_init__(self) -> None:
        if not hasattr(self.kernel, "py_func"):
            raise TypeError(
                f"kernel is {type(self.kernel).__name__}: a function compiled by numba.njit is"
                " needed (Slice takes any torch function)"
            )
        check_scale("width", self.width)
        check_count("max_steps", self.max_steps)

    def __call__(self, state: Tensor, rng: torch.Generator) -> Tensor:
        return self.trace(state, rng, 1)[0]

    def trace(self, state: Tensor, rng: torch.Generator, sweeps: int) -> Tensor:
        """The states after each of `sweeps` sweeps, (sweeps, C, D): what as many calls would give,
        bit for bit, without the calls.
        """
        _check_float64(state)
        check_count("sweeps", sweeps)
        check_scale("width", self.width, state.shape[1])
        widths = np.ascontiguousarray(
            np.broadcast_to(np.asarray(self.width, dtype=np.float64), state.shape[1:])
        )
        seeds = torch.randint(2**62, (sweeps,), generator=rng).numpy().astype(np.uint64)
        states = np.empty((sweeps + 1, *state.shape))
        states[0] = state.numpy(force=True)
        failed = _trace(self.kernel, self.data, states, widths, self.max_steps, seeds)
        if failed >= 0:
            evaluate_start(self.log_density, state)
            evaluate(self.log_density, torch.from_numpy(states[failed]))
        return torch.from_numpy(states[1:])

    def log_density(self, states: Tensor) -> Tensor:
        """The kernel at every state: (C, D) -> (C,), as any other log density."""
        _check_float64(states)
        return torch.from_numpy(_values(self.kernel, self.data, states.numpy(force=True).copy()))


@njit(error_model="numpy")
def _trace(kernel, data, states, widths, max_steps, seeds):  # type: ignore[no-untyped-def]
    """Fills states 1, 2, … from state 0; answers the first whose density was refused, or -1."""
    for sweep in range(len(seeds)):
        states[sweep + 1] = states[sweep]
        if _sweep(kernel, data, states[sweep + 1], widths, max_steps, seeds[sweep]) >= 0:
            return sweep + 1
    return -1


@njit(error_model="numpy")
def _sweep(kernel, data, states, widths, max_steps, seed):  # type: ignore[no-untyped-def]
    """Moves every chain; answers the first chain whose density was refused, left at the state it
    was refused at, or -1.
    """
    for chain in range(len(states)):
        w, stream = (
            states[chain],
            np.uint64(seed + np.uint64(chain) * np.uint64(0xD1342543DE82EF95)),
        )
        value = kernel(w, data)
        if not (-np.inf < value < np.inf):
            return chain
        for axis in range(len(w)):
            stream, value = _update(kernel, data, w, axis, widths[axis], max_steps, stream, value)
            if not value < np.inf:
                return chain
    return -1


@njit(error_model="numpy")
def _update(kernel, data, w, axis, width, max_steps, stream, value):  # type: ignore[no-untyped-def]
    """One coordinate: a level below the density, an interval around the state, and draws from it,
    which shrink it until one lies above the level. Answers the stream and the density there.
    """
    start = w[axis]
    stream, rand = _uniform(stream)
    level = value + np.log(1 - rand)
    stream, left, right = _stepped_out(kernel, data, w, axis, width, max_steps, stream, level)
    while True:
        stream, rand = _uniform(stream)
        w[axis] = left + rand * (right - left)
        value = kernel(w, data)
        if not value < level or w[axis] == start:  # NaN leaves too
            return stream, value
        if w[axis] < start:
            left = w[axis]
        else:
            right = w[axis]


@njit(error_model="numpy")
def _stepped_out(kernel, data, w, axis, width, max_steps, stream, level):  # type: ignore[no-untyped-def]
    """An interval of the width, placed at random around the state, its ends moved outwards by at
    most `max_steps` widths together. The state's coordinate is used for it, and not put back.
    """
    stream, rand = _uniform(stream)
    left = w[axis] - width * rand
    stream, rand = _uniform(stream)
    left_limit = int(max_steps * rand)
    right = _reach(kernel, data, w, axis, left + width, width, max_steps - 1 - left_limit, level)
    left = _reach(kernel, data, w, axis, left, -width, left_limit, level)
    return stream, left, right


@njit(error_model="numpy")
def _reach(kernel, data, w, axis, end, stride, limit, level):  # type: ignore[no-untyped-def]
    """Where an end of the interval comes to rest, stepping outwards while the density there is
    above the level.
    """
    for _ in range(limit):
        w[axis] = end
        if not kernel(w, data) >= level:
            break
        end += stride
    return end


@njit(error_model="numpy")
def _values(kernel, data, states):  # type: ignore[no-untyped-def]
    values = np.empty(len(states))
    for chain in range(len(states)):
        values[chain] = kernel(states[chain], data)
    return values


@njit(error_model="numpy")
def _uniform(stream):  # type: ignore[no-untyped-def]
    """SplitMix64 (Steele, Lea and Flood, 2014): the next state, and 53 of its mixed bits as a
    number in [0, 1).
    """
    stream = stream + np.uint64(0x9E3779B97F4A7C15)
    mixed = (stream ^ (stream >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return stream, np.float64((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)) * (
        1.0 / (1 << 53)
    )


def _check_float64(state: Tensor) -> None:
    check_states(state)
    if state.dtype != torch.float64 or state.device.type != "cpu":
        raise ValueError(
            f"state is {state.dtype} on {state.device}: CompiledSlice takes float64 on the CPU"
            " (Slice takes any)"
        )
