"""Where chains of a machine begin, and the base that annealing begins from: what is known of a
machine before its log Z is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from distillery.models.bits import check_bits
from distillery.models.rbm import RBM
from distillery.partition.annealed import adapted, base_rates, forward
from distillery.partition.modes import Modes
from distillery.partition.temperatures import uniform

Progress = Callable[
    [str, int, int], None
]  # what is being done, how far it is, of how much; of 0: a remark

BURN_IN = 1000
RESTLESS = 3.0
_EVERY = 25


class Starts:
    """Starts of chains: states that annealing reaches, a path of its own for each; with `data` (N,
    D) every second one is a row of it.

    `base` holds the biases of the independent bits that fit the data best, or the states of chains
    that were annealed. Every draw of the machine made from here is the end of a chain of its own,
    so that draws depend on each other no more than their starts do. A machine is seldom where its
    data are: that chains from both kinds of start come to the same is what `settled` looks at.
    """

    def __init__(
        self,
        machine: RBM,
        *,
        rng: torch.Generator,
        data: Tensor | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.machine, self.rng, self.progress = machine, rng, progress
        self.data = None if data is None else _fitting(data, machine)
        self.base = base_rates(self._seen() if self.data is None else self.data)
        self._temperatures: Tensor | None = None

    @property
    def described(self) -> str:
        found = "states found by annealing"
        return (
            found if self.data is None else f"{found}, and some of {len(self.data):,} rows of data"
        )

    @cached_property
    def modes(self) -> Modes:
        """Where the hidden units point to, by a stream of its own: draws do not depend on whether
        it was asked for.
        """
        seed = self.rng.initial_seed() ^ 1
        return Modes(self.machine, rng=torch.Generator(self.rng.device).manual_seed(seed))

    def states(self, n: int) -> Tensor:
        """Starts of n chains, (n, D); with data, those in even places are its rows."""
        if self._temperatures is None:
            self._temperatures = adapted(self.machine, BURN_IN, rng=self.rng, base=self.base)
        told = self.told(f"finding starts for {n:,} chains")
        states = forward(
            self.machine, self._temperatures, chains=n, rng=self.rng, base=self.base, progress=told
        ).states
        if self.data is not None:
            index = torch.randint(
                len(self.data), (-(-n // 2),), generator=self.rng, device=self.rng.device
            )
            states[::2] = self.data[index].to(states.dtype)
        return states

    def settled(self, states: Tensor, sweeps: int) -> tuple[Tensor, float]:
        """The chains that many sweeps later, and their unrest.

        By how many standard errors their mean log density moved in the second half or, if that is
        more, how many lie between those in even places and the others. Above `RESTLESS` they are
        not yet where the machine is.
        """
        middle = self.sweep(states, sweeps - sweeps // 2)
        end = self.sweep(middle, sweeps // 2)
        with torch.no_grad():
            before, after = (self.machine.log_density(x).double() for x in (middle, end))
        return end, max(
            _errors_from_zero(after - before),
            0.0 if self.data is None else _errors_apart(after[::2], after[1::2]),
        )

    def sweep(self, states: Tensor, sweeps: int) -> Tensor:
        """The states after that many sweeps of block Gibbs sampling."""
        step, told = self.machine.gibbs(), self.told(f"{len(states):,} chains, {sweeps:,} sweeps")
        for k in range(sweeps):
            states = step(states, self.rng)
            if told is not None:
                told(k + 1, sweeps)
        return states

    def told(self, stage: str) -> Callable[[int, int], None] | None:
        """What to call as (done, total) during this stage."""
        progress = self.progress
        return None if progress is None else lambda done, total: progress(stage, done, total)

    def _seen(self, chains: int = 100) -> Tensor:
        """States of chains that were annealed without knowing anything, over the second half of
        their burn-in.
        """
        told = self.told("finding a base for annealing")
        states = forward(
            self.machine, uniform(BURN_IN // 2), chains=chains, rng=self.rng, progress=told
        ).states
        states, kept = self.sweep(states, BURN_IN // 2), []
        step = self.machine.gibbs()
        for k in range(BURN_IN // 2):
            states = step(states, self.rng)
            if k % _EVERY == 0:
                kept.append(states)
        return torch.cat(kept)


def _fitting(data: Tensor, machine: RBM) -> Tensor:
    check_bits(data, machine.visible, name="data")
    if len(data) == 0:
        raise ValueError(f"data has shape {tuple(data.shape)}: at least one row is needed")
    return data.to(machine.W.device)


def _errors_from_zero(values: Tensor) -> float:
    error = values.std().item() / math.sqrt(len(values))
    return abs(values.mean().item()) / error if error > 0 else 0.0


def _errors_apart(these: Tensor, others: Tensor) -> float:
    if min(len(these), len(others)) < 2:
        return 0.0
    error = math.sqrt(these.var().item() / len(these) + others.var().item() / len(others))
    return abs(these.mean().item() - others.mean().item()) / error if error > 0 else 0.0


def unrest_said(unrest: float) -> list[str]:
    """The doubt that restless chains cast, if any."""
    if unrest <= RESTLESS:
        return []
    return [
        f"the chains' mean log density moved, or depends on where they began, by {unrest:.1f}"
        " standard errors: they have not settled"
    ]
