"""Slice sampling, a coordinate at a time, many chains at once (Neal, Slice sampling, Annals of
Statistics 31, 2003).

A height is drawn under the density; the next point is uniform on the part of the coordinate's line
that lies above it. That part is found by stepping out linearly (Neal's Figure 3) and by shrinking
onto rejected points (his Figure 5).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from distillery.samplers.density import (
    LogDensity,
    check_count,
    check_scale,
    evaluate,
    evaluate_start,
)


@dataclass(frozen=True)
class Slice:
    """One sweep of univariate slice updates, coordinate after coordinate; it leaves `log_density`
    invariant.

    The interval grows to `max_steps` widths at most; splitting that limit at random between the two
    sides keeps this exact. `lookahead` points are evaluated in one call: neither the points stepped
    to nor the points shrunk to depend on earlier values of the density until one is taken, so
    looking ahead changes the number of calls, not the distribution.
    """

    log_density: LogDensity
    width: float | Tensor = 1.0
    max_steps: int = 100
    lookahead: int = 2

    def __post_init__(self) -> None:
        check_scale("width", self.width)
        check_count("max_steps", self.max_steps)
        check_count("lookahead", self.lookahead)

    @torch.no_grad()
    def __call__(self, state: Tensor, rng: torch.Generator) -> Tensor:
        values = evaluate_start(self.log_density, state)
        check_scale("width", self.width, state.shape[1])
        widths = torch.as_tensor(self.width, dtype=state.dtype, device=state.device).expand(
            state.shape[1]
        )
        state = state.clone()
        for axis, width in enumerate(widths):
            state, values = self._update(_Line(self.log_density, state, axis), values, width, rng)
        return state

    def _update(
        self, line: _Line, values: Tensor, width: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        level = values - torch.empty_like(values).exponential_(generator=rng)
        interval = self._step_out(line, level, width, rng)
        chosen, values = self._shrink(line, level, interval, rng)
        return line.moved(chosen), values

    def _step_out(self, line: _Line, level: Tensor, width: Tensor, rng: torch.Generator) -> Tensor:
        """The interval (2, C): each end moves outwards while the density there is above the level
        and its steps last.
        """
        chains, rand = len(level), _uniform(2, level, rng)
        left_limit = (rand[0] * self.max_steps).long().clamp(max=self.max_steps - 1)
        limits = torch.cat([left_limit, self.max_steps - 1 - left_limit])
        left = line.start - width * rand[1]
        ends, strides = (
            torch.cat([left, left + width]),
            torch.cat([-width.expand(chains), width.expand(chains)]),
        )
        open_, ahead = limits.nonzero()[:, 0], torch.arange(self.lookahead, device=level.device)
        while len(open_):
            who, stride = open_ % chains, strides[open_]
            inside = line.at(who, ends[open_, None] + stride[:, None] * ahead) >= level[who, None]
            steps = torch.minimum(inside.cumprod(1).sum(1), limits[open_])
            ends[open_] += steps * stride
            limits[open_] -= steps
            open_ = open_[(steps == self.lookahead) & (limits[open_] > 0)]
        return ends.view(2, chains)

    def _shrink(
        self, line: _Line, level: Tensor, interval: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """A point uniform on the slice within the interval: each rejected point becomes the end on
        its side of the start.
        """
        chosen, values = line.start.clone(), level.clone()
        who, (left, right) = torch.arange(len(level), device=level.device), interval
        while len(who):
            start, points = line.start[who], []
            for rand in _uniform(self.lookahead, start, rng):
                points.append(left + rand * (right - left))
                left, right = (
                    torch.where(points[-1] < start, points[-1], left),
                    torch.where(points[-1] < start, right, points[-1]),
                )
            tried = torch.stack(points, 1)
            tried_values = line.at(who, tried)
            inside = (tried_values >= level[who, None]) | (
                tried == start[:, None]
            )  # the start is on its slice, rounding or not
            hit, first = inside.any(1), inside.to(torch.uint8).argmax(1)[:, None]
            chosen[who[hit]], values[who[hit]] = (
                tried.gather(1, first)[hit, 0],
                tried_values.gather(1, first)[hit, 0],
            )
            who, left, right = who[~hit], left[~hit], right[~hit]
        return chosen, values


@dataclass(frozen=True)
class _Line:
    """The lines through all states along one axis."""

    log_density: LogDensity
    state: Tensor
    axis: int

    @property
    def start(self) -> Tensor:
        return self.state[:, self.axis]

    def at(self, who: Tensor, positions: Tensor) -> Tensor:
        """Log densities (A, K) at K positions on the lines of the A chains `who`, in one call."""
        states = self.state[who].repeat_interleave(positions.shape[1], 0)
        states[:, self.axis] = positions.flatten()
        return evaluate(self.log_density, states).view(positions.shape)

    def moved(self, positions: Tensor) -> Tensor:
        state = self.state.clone()
        state[:, self.axis] = positions
        return state


def _uniform(rows: int, like: Tensor, rng: torch.Generator) -> Tensor:
    return torch.rand((rows, len(like)), generator=rng, dtype=like.dtype, device=like.device)
