"""Annealing in both directions, round after round, until the reader of log Z has enough:
temperatures first, then paths.

Forward paths bound log Z from below and reverse paths from above, on average, and a bridge meets
them half way. The bracket between the bounds narrows with the number of temperatures; the bridge's
error falls with the number of paths.

The bridge's error is the error of chance alone. It says nothing where a few paths stand for much of
the machine, for then both directions are wrong alike: whatever casts such a doubt makes the
interval as wide as the bracket.
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
from distillery.partition.modes import Visits
from distillery.partition.starts import BURN_IN, RESTLESS, Starts, unrest_said
from distillery.samplers.density import check_count

# nats between the bounds: below it further paths lower the error as fast as further temperatures do
_NARROW = 2.0
_APART = 3.0  # standard errors
_FAR, _STRAY = 8.0, 10.0
LEAST_PATHS = 50  # either way: the error that fewer show of themselves is not to be believed


@dataclass(frozen=True, eq=False)
class BothWays:
    """Log ratios of the paths from the base, `from_base` (C,), and of those from the machine,
    `from_machine` (C,), and what they say.

    `sweeps` is the length of the chain before each reverse path, `unrest` that of the chains
    (`Starts.settled`), and `visits` how often these were where the hidden units point to.
    """

    from_base: Tensor
    from_machine: Tensor
    temperatures: int
    sweeps: int
    unrest: float
    visits: Visits | None = None

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
        """Whether the directions agree, each has paths enough that count, the chains have settled
        and no path strays.
        """
        return self.agree and not self.thin and self.unrest <= RESTLESS and self.strays == 0

    @property
    def few(self) -> bool:
        """Whether there are too few paths for their error to be believed."""
        return self.paths < LEAST_PATHS

    @cached_property
    def thin(self) -> tuple[str, ...]:
        """What makes one direction doubtful by itself: few paths that count, or a heavy tail."""
        ways = {"forward": importance(self.from_base), "reverse": self.reverse}
        return tuple(
            f"{way} annealing by itself is doubtful ({'; '.join(estimate.warnings)})"
            for way, estimate in ways.items()
            if estimate.warnings
        )

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
        """Both directions in one; where anything casts a doubt the interval spans the bracket and
        both directions, since any of them may be wrong.

        Where the machine's draws are rather seldom where the hidden units point to, it reaches up
        to where log Z is with what was measured there.
        """
        met = bridge(self.from_base, self.from_machine)
        doubts = (*met.warnings, *self._doubts())
        low, high = self._span(met) if doubts else met.interval
        if self.visits is None:
            return replace(met, interval=(low, high), warnings=doubts)
        high = max(high, self.visits.at_most(met.interval[1]))
        missed = self.visits.missed(met.interval[1])
        if missed is not None:
            low, high = self._span(met)
            doubts, high = (*doubts, f"{missed}"), missed.beyond(high)
        return replace(met, interval=(low, high), warnings=doubts)

    def _doubts(self) -> Iterator[str]:
        if self.few:
            yield (
                f"{self.paths} paths either way are too few to tell their own error: {LEAST_PATHS}"
                " are needed"
            )
        if not self.agree:
            yield (
                f"forward annealing has {_printed(self.forward)}, reverse {_printed(self.reverse)}:"
                " they disagree, so forward paths miss part of the machine or the chains before"
                " the reverse ones have not reached it"
            )
        yield from self.thin
        if self.strays:
            yield (
                f"{self.strays} of {self.paths} reverse paths have log weights more than {_STRAY:g}"
                " nats above all forward ones: they come from a part of the machine that forward"
                " paths hardly find, and only the chains' starts decide its share of Z"
            )
        yield from unrest_said(self.unrest)

    def _span(self, met: Estimate) -> tuple[float, float]:
        """From the lowest end to the highest of all that is known."""
        known = (met, self.forward, self.reverse, self.lower, self.upper)
        return min(e.interval[0] for e in known), max(e.interval[1] for e in known)


def rounds(starts: Starts, *, temperatures: int = 200, chains: int = 100) -> Iterator[BothWays]:
    """Endless rounds, each of about twice the work of the last; the first has these many
    temperatures, and (made even) paths either way.

    The temperatures double while the bounds lie two nats apart or something is unsettled;
    otherwise, and while there are few paths, as many new paths join the old ones, each reverse one
    after a chain of its own. The chains go on from round to round, by as many sweeps as there are
    temperatures.
    """
    check_count("temperatures", temperatures)
    check_count("chains", chains, least=2)
    betas = _schedule(starts, temperatures)
    sweeps = max(BURN_IN, temperatures)
    states, unrest = starts.settled(starts.states(chains + chains % 2), sweeps)
    while True:
        paths = _Paths(states, *_run(starts, betas, states))
        yield (found := paths.read(starts, betas, sweeps, unrest=unrest))
        while found.few or (found.settled and found.upper.value - found.lower.value <= _NARROW):
            fresh, unrest = starts.settled(starts.states(len(paths.states)), sweeps)
            paths = paths.joined(_Paths(fresh, *_run(starts, betas, fresh)))
            yield (found := paths.read(starts, betas, sweeps, unrest=unrest))
        betas = _schedule(starts, 2 * len(betas) - 2)
        states, unrest = starts.settled(paths.states, len(betas) - 1)
        sweeps += len(betas) - 1


@dataclass(frozen=True, eq=False)
class _Paths:
    """The log ratios of as many paths either way as there are draws of the machine, `states`, which
    the reverse ones begin from.
    """

    states: Tensor
    from_base: Tensor
    from_machine: Tensor

    def joined(self, more: _Paths) -> _Paths:
        return _Paths(
            torch.cat([self.states, more.states]),
            torch.cat([self.from_base, more.from_base]),
            torch.cat([self.from_machine, more.from_machine]),
        )

    def read(self, starts: Starts, betas: Tensor, sweeps: int, *, unrest: float) -> BothWays:
        visits = starts.modes.visits(self.states)
        return BothWays(
            self.from_base, self.from_machine, len(betas) - 1, sweeps, unrest, visits=visits
        )


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
    """The value ± two standard errors."""
    return f"{estimate.value:.3f} ± {2 * estimate.error:.3f}"
