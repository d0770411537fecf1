"""Annealing in both directions, round after round, until the reader of log Z has enough:
temperatures first, then paths.

Forward paths bound log Z from below and reverse paths from above, on average, and a bridge meets
them half way. The bracket between the bounds narrows with the number of temperatures; the bridge's
error falls with the number of paths.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from distillery.partition.annealed import adapted, forward, reverse
from distillery.partition.bounds import lower_bound, upper_bound
from distillery.partition.bridge import bridge
from distillery.partition.estimate import Estimate
from distillery.partition.importance import importance, reverse_importance
from distillery.partition.starts import BURN_IN, RESTLESS, Starts, unrest_said
from distillery.samplers.density import check_count

# nats between the bounds: below it further paths lower the error as fast as further temperatures do
_NARROW = 2.0
_APART = 3.0  # standard errors
_FAR, _STRAY = 8.0, 10.0


@dataclass(frozen=True, eq=False)
class BothWays:
    """Log ratios of the paths from the base, `from_base` (C,), and of those from the machine,
    `from_machine` (C,), and what they say.

    `sweeps` is the length of the chain before each reverse path, `unrest` that of the chains
    (`Starts.settled`).
    """

    from_base: Tensor
    from_machine: Tensor
    temperatures: int
    sweeps: int
    unrest: float

    @property
    def paths(self) -> int:
        return len(self.from_base)

    @cached_property
    def forward(self) -> Estimate:
        return importance(self.from_base, self.from_machine)

    @cached_property
    def reverse(self) -> Estimate:
        return reverse_importance(self.from_machine)

    @cached_property
    def lower(self) -> Estimate:
        return lower_bound(self.from_base)

    @cached_property
    def upper(self) -> Estimate:
        return upper_bound(self.from_machine)

    @cached_property
    def agree(self) -> bool:
        """Whether the two directions lie within three combined standard errors of each other."""
        apart = abs(self.forward.value - self.reverse.value)
        return apart <= _APART * math.hypot(self.forward.error, self.reverse.error)

    @property
    def settled(self) -> bool:
        """Whether the directions agree, the chains have settled and no path strays."""
        return self.agree and self.unrest <= RESTLESS and self.strays == 0

    @cached_property
    def strays(self) -> int:
        """Reverse paths more than ten nats beyond all forward ones and beyond eight deviations
        (robust ones) of their own kind.
        """
        middle, high = self.from_machine.quantile(
            torch.tensor([0.5, 0.84], dtype=torch.float64)
        ).tolist()
        usual = max(self.from_base.max().item(), middle + _FAR * (high - middle))
        return int((self.from_machine > usual + _STRAY).sum())

    @cached_property
    def bridge(self) -> Estimate:
        """Both directions in one; where they disagree its interval spans those of both, since
        either may be wrong.
        """
        met = bridge(self.from_base, self.from_machine)
        doubts, ends = list(met.warnings), [met.interval]
        if not self.agree:
            ends += [self.forward.interval, self.reverse.interval]
            doubts.append(
                f"forward annealing has {_printed(self.forward)}, reverse {_printed(self.reverse)}:"
                " they disagree, so forward paths miss part of the machine or the chains before"
                " the reverse ones have not reached it; the interval spans both"
            )
        if self.strays:
            doubts.append(
                f"{self.strays} of {self.paths} reverse paths have log weights more than {_STRAY:g}"
                " nats above all forward ones: they come from a part of the machine that forward"
                " paths hardly find, and only the chains' starts decide its share of Z"
            )
        doubts += unrest_said(self.unrest)
        return replace(
            met,
            interval=(min(low for low, _ in ends), max(high for _, high in ends)),
            warnings=tuple(doubts),
        )


def rounds(starts: Starts, *, temperatures: int = 200, chains: int = 100) -> Iterator[BothWays]:
    """Endless rounds, each of about twice the work of the last; the first has these many
    temperatures, and (made even) paths either way.

    The temperatures double while the bounds lie two nats apart or something is unsettled; otherwise
    as many new paths join the old ones, each reverse one after a chain of its own. The chains go on
    from round to round, by as many sweeps as there are temperatures.
    """
    check_count("temperatures", temperatures)
    check_count("chains", chains, least=2)
    betas = _schedule(starts, temperatures)
    sweeps = max(BURN_IN, temperatures)
    states, unrest = starts.settled(starts.states(chains + chains % 2), sweeps)
    while True:
        found = BothWays(*_run(starts, betas, states), len(betas) - 1, sweeps, unrest)
        yield found
        while found.settled and found.upper.value - found.lower.value <= _NARROW:
            fresh, unrest = starts.settled(starts.states(len(states)), sweeps)
            there, back = _run(starts, betas, fresh)
            states, there, back = (
                torch.cat(pair)
                for pair in ((states, fresh), (found.from_base, there), (found.from_machine, back))
            )
            found = BothWays(there, back, len(betas) - 1, sweeps, unrest)
            yield found
        betas = _schedule(starts, 2 * len(betas) - 2)
        states, unrest = starts.settled(states, len(betas) - 1)
        sweeps += len(betas) - 1


def _schedule(starts: Starts, temperatures: int) -> Tensor:
    """Fitted anew each round, by a pilot of half as many sweeps as there are temperatures."""
    return adapted(
        starts.machine,
        temperatures,
        rng=starts.rng,
        base=starts.base,
        pilot=200,
        sweeps=max(1, temperatures // 400),
    )


def _run(starts: Starts, betas: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
    """The log ratios of new paths, as many either way as there are states to start the reverse
    ones.
    """
    size = f"{len(betas) - 1:,} temperatures, {len(states):,} paths"
    there, back = (starts.told(f"annealing {way}, {size}") for way in ("forward", "in reverse"))
    machine, rng, base = starts.machine, starts.rng, starts.base
    onward = forward(machine, betas, chains=len(states), rng=rng, base=base, progress=there)
    return (
        onward.log_ratios.cpu(),
        reverse(machine, betas, start=states, rng=rng, base=base, progress=back).log_ratios.cpu(),
    )


def _printed(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ± {estimate.error:.3f}"
