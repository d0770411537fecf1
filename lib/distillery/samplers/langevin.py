"""Langevin dynamics: half a step up the gradient of the log density, plus Gaussian noise of the
step's variance.

With a gradient from a minibatch this is SGLD (Welling and Teh, Bayesian learning via stochastic
gradient Langevin dynamics, 2011, equation 4): never exact at a fixed step size, exact as the step
size falls to zero. Accepted or rejected, it is MALA, exact at any.
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
)
from distillery.samplers.hmc import HMC

StochasticGradient = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class SGLD:
    """state + step_size / 2 · gradient + N(0, step_size): one step with an unbiased gradient of the
    log density.

    `gradient(states (C, D), rng) -> (C, D)` may draw a minibatch with the stream it is given.
    """

    gradient: StochasticGradient
    step_size: float

    def __post_init__(self) -> None:
        check_scale("step_size", float(self.step_size))

    @torch.no_grad()
    def __call__(self, state: Tensor, rng: torch.Generator) -> Tensor:
        check_states(state)
        gradient = self.gradient(state, rng)
        if gradient.shape != state.shape or not bool(gradient.isfinite().all()):
            raise ValueError(
                f"gradient answered shape {tuple(gradient.shape)}, finite:"
                f" {bool(gradient.isfinite().all())}, to states of shape {tuple(state.shape)}:"
                " finite numbers of the same shape are needed (a step_size below"
                f" {self.step_size:.3g} may help)"
            )
        noise = torch.randn(state.shape, generator=rng, dtype=state.dtype, device=state.device)
        return state + self.step_size / 2 * gradient + math.sqrt(self.step_size) * noise


@dataclass(frozen=True)
class Annealed:
    """SGLD whose step size at sweep t is `step_size · schedule(t)`; the chain counts the sweeps and
    asks for `at(t)`.

    Averages over samples of unequal steps should weigh each by its step size (Welling and Teh,
    equation 11).
    """

    sampler: SGLD
    schedule: Callable[[int], float]

    def at(self, sweep: int) -> SGLD:
        return replace(self.sampler, step_size=self.sampler.step_size * self.schedule(sweep))


def polynomial(power: float = 0.55, *, offset: float = 1.0) -> Callable[[int], float]:
    """(1 + t / offset)^-power, Welling and Teh's schedule; a power in (1/2, 1] makes the steps' sum
    diverge and their squares' converge.
    """
    if not 0.5 < power <= 1:
        raise ValueError(f"power is {power}: above 1/2 and at most 1 is allowed")
    check_scale("offset", float(offset))
    return lambda sweep: (1 + sweep / offset) ** -power


@dataclass(frozen=True, eq=False)
class MinibatchGradient:
    """The gradient of log prior + N/n · sum over a minibatch of n of the N examples' log
    likelihoods: unbiased for the posterior's.

    `log_prior(states) -> (C,)`; `log_likelihood(states, *examples) -> (C, n)`, one value a chain
    and an example. One minibatch, drawn without replacement, serves all chains of a step.
    """

    log_prior: LogDensity
    log_likelihood: Callable[..., Tensor]
    data: tuple[Tensor, ...]
    size: int

    def __post_init__(self) -> None:
        check_count("size", self.size)
        total = {len(column) for column in self.data}
        if len(total) != 1 or self.size > min(total):
            raise ValueError(
                f"data has columns of lengths {sorted(total)} and size is {self.size}: one length,"
                " of at least size, is needed"
            )

    def __call__(self, states: Tensor, rng: torch.Generator) -> Tensor:
        total = len(self.data[0])
        index = torch.randperm(total, generator=rng, device=rng.device)[: self.size]
        examples = [column[index.to(column.device)] for column in self.data]
        return evaluate_gradient(
            lambda w: (
                self.log_prior(w) + total / self.size * self.log_likelihood(w, *examples).sum(1)
            ),
            states,
        )[1]


def mala(log_density: LogDensity, step_size: float) -> HMC:
    """The Metropolis-adjusted Langevin step: Hamiltonian Monte Carlo of one leapfrog step of length
    √step_size.
    """
    check_scale("step_size", float(step_size))
    return HMC(log_density, step_size=math.sqrt(step_size), steps=1)
