"""Hamiltonian Monte Carlo: a leapfrog trajectory with fresh momentum, then accept or stay (Neal,
MCMC using Hamiltonian dynamics, 2010).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from distillery.samplers.density import (
    LogDensity,
    check_count,
    check_scale,
    check_states,
    evaluate_gradient,
    evaluate_start,
)

ValueAndGradient = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class HMC:
    """`steps` leapfrog steps of `step_size`, momentum drawn from N(0, mass), accepted with
    probability min(1, exp(-change of energy)).

    `mass` is one number or one a dimension (a good one is the inverse variance). A trajectory that
    leaves the finite numbers is rejected.
    """

    log_density: LogDensity
    step_size: float = 0.1
    steps: int = 10
    mass: float | Tensor = 1.0

    def __post_init__(self) -> None:
        check_scale("step_size", float(self.step_size))
        check_count("steps", self.steps)
        check_scale("mass", self.mass)

    def __call__(self, state: Tensor, rng: torch.Generator) -> Tensor:
        return self.transition(state, rng)[0]

    @torch.no_grad()
    def transition(self, state: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """The next states (C, D), and the probability (C,) that each proposal had of it."""
        check_states(state)
        check_scale("mass", self.mass, state.shape[1])
        mass = torch.as_tensor(self.mass, dtype=state.dtype, device=state.device).expand(
            state.shape[1]
        )
        values, gradient = _start(self.log_density, state)
        momentum = (
            torch.randn(state.shape, generator=rng, dtype=state.dtype, device=state.device)
            * mass.sqrt()
        )
        proposal, proposed_momentum, proposed_values = self._leapfrog(
            state, momentum, gradient, mass
        )
        before, after = (
            values - _kinetic(momentum, mass),
            proposed_values - _kinetic(proposed_momentum, mass),
        )
        accept = (after - before).nan_to_num(nan=-math.inf).exp().clamp(max=1)
        rand = torch.rand(accept.shape, generator=rng, dtype=accept.dtype, device=accept.device)
        return torch.where((rand < accept)[:, None], proposal, state), accept

    def _leapfrog(
        self, position: Tensor, momentum: Tensor, gradient: Tensor, mass: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        alive = torch.ones_like(position[:, :1], dtype=torch.bool)
        for _ in range(self.steps):
            momentum = momentum + self.step_size / 2 * gradient
            moved = position + self.step_size * momentum / mass
            alive = alive & moved.isfinite().all(1, keepdim=True)
            position = torch.where(alive, moved, position)
            values, gradient = evaluate_gradient(self.log_density, position)
            momentum = momentum + self.step_size / 2 * gradient
        return position, momentum, torch.where(alive[:, 0], values, -math.inf)


def tuned(
    sampler: HMC, state: Tensor, rng: torch.Generator, *, sweeps: int = 200, accept: float = 0.8
) -> tuple[HMC, Tensor]:
    """The sampler with its step size set so that proposals are accepted with probability `accept`,
    and the states reached on the way.

    Dual averaging of Hoffman and Gelman (The No-U-Turn Sampler, 2014, section 3.2), over all
    chains. For burn-in only: a step size that keeps learning from the chain would not leave the
    target invariant.
    """
    check_count("sweeps", sweeps)
    if not 0 < accept < 1:
        raise ValueError(f"accept is {accept}: a probability between 0 and 1 is needed")
    centre, log_step, average, error = (
        math.log(10 * sampler.step_size),
        math.log(sampler.step_size),
        0.0,
        0.0,
    )
    for sweep in range(1, sweeps + 1):
        state, probability = replace(sampler, step_size=math.exp(log_step)).transition(state, rng)
        error += (accept - float(probability.mean()) - error) / (sweep + 10)
        log_step = centre - math.sqrt(sweep) / 0.05 * error
        average += sweep**-0.75 * (log_step - average)
    return replace(sampler, step_size=math.exp(average)), state


def _start(log_density: LogDensity, state: Tensor) -> tuple[Tensor, Tensor]:
    values, gradient = evaluate_gradient(log_density, state)
    if not bool(gradient.isfinite().all() & values.isfinite().all()):
        evaluate_start(log_density, state)
        worst = int((~gradient.isfinite()).any(1).nonzero()[0, 0])
        raise ValueError(
            f"the gradient of log_density is {gradient[worst].tolist()} at state"
            f" {state[worst].tolist()}: finite numbers are needed"
        )
    return values, gradient


def _kinetic(momentum: Tensor, mass: Tensor) -> Tensor:
    return (momentum.square() / mass).sum(1) / 2
