"""A NADE distilled from a machine on the spot, and what comparing the two says about log Z (thesis,
section 4.2.4).
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from distillery.distillation import distill
from distillery.generators import Chain
from distillery.losses.densities import KL
from distillery.models.nade import NADE
from distillery.partition.bounds import lower_bound, upper_bound
from distillery.partition.bridge import bridge
from distillery.partition.estimate import Estimate
from distillery.partition.importance import importance
from distillery.partition.modes import Missed, Visits
from distillery.partition.ratios import log_ratios
from distillery.partition.starts import BURN_IN, RESTLESS, Starts, unrest_said
from distillery.teachers import Frozen
from distillery.training.schedules import Schedule, linear_to_zero

STEPS, BATCH, CHAINS = 3000, 50, 200
_TRIED = 20  # steps that are timed before the rest are planned


def distilled(starts: Starts, *, seconds: float = math.inf) -> tuple[NADE, int]:
    """A student as wide as the machine (16 units at least, 1,000 at most), by KL on persistent
    chains, and the steps it was given.

    No more steps are taken than fit into `seconds`, but at least 100.
    """
    lesson = _Lesson(starts)
    lesson.train(1)  # the first step compiles
    begun = time.perf_counter()
    lesson.train(_TRIED)
    each = (time.perf_counter() - begun) / _TRIED
    steps = int(min(max(seconds / each, 100), STEPS)) - _TRIED - 1
    said = f"distilling a NADE of {lesson.student.hidden:,} units, {steps:,} steps"
    lesson.train(steps, linear_to_zero(steps), starts.told(said))
    return lesson.student, 1 + _TRIED + steps


class _Lesson:
    """A machine, its student, and the chains whose states are learned from."""

    def __init__(self, starts: Starts) -> None:
        machine, rng = starts.machine, starts.rng
        # freezing the caller's own would outlast this call
        self.teacher = Frozen(copy.deepcopy(machine))
        width = min(max(machine.hidden, 16), 1000)
        self.student = NADE(machine.visible, width, rng=rng).to(machine.W.device)
        # pixels are on as often as they should be from the first step
        self.student.b.data.copy_(starts.base[self.student.order])
        states = starts.sweep(starts.states(CHAINS), BURN_IN)
        self.chain = Chain(machine.gibbs(), states, rng=rng)
        self.optimizer = torch.optim.Adam(self.student.parameters(), lr=0.01)

    def train(self, steps: int, schedule: Schedule | None = None, progress: Any = None) -> None:
        distill(
            self.teacher,
            self.student,
            self.chain,
            KL(),
            optimizer=self.optimizer,
            batch_size=BATCH,
            steps=steps,
            schedule=schedule,
            progress=progress,
        )


@dataclass(frozen=True, eq=False)
class Compared:
    """Log ratios at the student's draws, `below`, and at the machine's, `above`, each of these the
    end of a chain of `sweeps`.
    """

    below: Tensor
    above: Tensor
    sweeps: int
    unrest: float
    visits: Visits | None = None

    @cached_property
    def estimates(self) -> dict[str, Estimate]:
        """Everything that draws of both sides say; where the machine's draws are in doubt, so is
        what rests on them.
        """
        met = bridge(self.below, self.above)
        missed = None if self.visits is None else self.visits.missed(met.interval[1])
        lower, upper = (
            lower_bound(self.below),
            self._doubted(upper_bound(self.above), missed),
        )
        return {
            "bridge": self._doubted(met, missed),
            "importance": _lacking(importance(self.below, self.above), missed),
            "bounds": between(lower, upper),
            "lower bound": lower,
            "upper bound": upper,
        }

    def _doubted(self, estimate: Estimate, missed: Missed | None) -> Estimate:
        """Of what rests on the machine's draws."""
        doubts = (*estimate.warnings, *unrest_said(self.unrest))
        return _lacking(replace(estimate, warnings=doubts), missed)


def _lacking(estimate: Estimate, missed: Missed | None) -> Estimate:
    """Put in doubt, up to where log Z is with what is missed."""
    if missed is None:
        return estimate
    low, high = estimate.interval
    return replace(
        estimate,
        interval=(low, missed.beyond(high)),
        warnings=(*estimate.warnings, f"{missed}"),
    )


def rounds(starts: Starts, student: NADE, *, draws: int) -> Iterator[Compared]:
    """Endless rounds of comparison: twice as many draws of both sides in each, or chains twice as
    long where these are restless.
    """
    sweeps, below = BURN_IN, torch.zeros(0, dtype=torch.float64)
    states, unrest = starts.settled(starts.states(draws + draws % 2), sweeps)
    while True:
        if missing := len(states) - len(below):
            sampled = log_ratios(starts.machine, student, student.sample(missing, rng=starts.rng))
            below = torch.cat([below, sampled.cpu()])
        above = log_ratios(starts.machine, student, states).cpu()
        yield Compared(below, above, sweeps, unrest, starts.modes.visits(states))
        if unrest > RESTLESS:
            states, unrest = starts.settled(states, sweeps)
            sweeps *= 2
        else:
            fresh, unrest = starts.settled(starts.states(len(states)), sweeps)
            states = torch.cat([states, fresh])


def between(lower: Estimate, upper: Estimate) -> Estimate:
    """All that bounds say: log Z lies from three errors below the lower to three above the upper,
    and `error` is a sixth of that.

    It is no standard error, and does not shrink with the draws: only a better student brings the
    bounds together.
    """
    low, high = lower.interval[0], upper.interval[1]
    fewest = min(lower.effective_samples, upper.effective_samples)
    doubts = tuple(dict.fromkeys((*lower.warnings, *upper.warnings)))
    return Estimate((lower.value + upper.value) / 2, (high - low) / 6, fewest, (low, high), doubts)
