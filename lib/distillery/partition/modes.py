"""Parts of a machine that its draws may lack: what lies around the states that each hidden unit
asks for.

A narrow part of a machine, weakly joined to the rest, is found by hardly a path or chain, and then
everything that is read from paths and chains agrees without it. The weights say where such parts
would be. Around each of these places a product of independent bits is laid; draws from it measure
how much of Z lies in a region there, and so how many of the machine's own draws should.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from distillery.models.rbm import RBM
from distillery.partition.estimate import log_mean_estimate
from distillery.samplers.gibbs import sample_bits

COPIES, SETTLING, KEPT = 4, 20, 25  # chains from each place, their first sweeps, and those used
DRAWS = 256  # of each product
INSIDE = 0.9  # of a product's draws lie in its region: those with the smaller weights
MOST = 30  # regions, those with the most of Z
ALIKE = 0.05  # places whose pixels are on as often, to this mean difference, are one
SHARED = 0.05  # of a region's draws may lie in another, else it is left out
UNLIKELY = 1e-4  # that regions are visited so seldom by chance: the chains miss them
RATHER_FEW = 0.2  # that one is: the interval allows for what draws may lack there
_COUNT = 0.1  # added to either side of a pixel's count, so that no rate is 0 or 1


@dataclass(frozen=True)
class Missed:
    """Of `draws` draws `seen` lie in regions where at least `expected` should; `log_mass` is log of
    what there is of Z around them, at most.
    """

    seen: int
    expected: float
    draws: int
    log_mass: float

    def __str__(self) -> str:
        return (
            f"{self.seen} of the machine's {self.draws} draws lie where its hidden units, one by"
            f" one, point to, and by this log Z at least {self.expected:.0f} should: the chains"
            " miss part of the machine"
        )

    def beyond(self, log_z: float) -> float:
        """log Z if the regions come on top of what was seen."""
        return max(log_z, self.log_mass) + math.log1p(math.exp(-abs(log_z - self.log_mass)))


@dataclass(frozen=True, eq=False)
class Visits:
    """For K disjoint regions, how much of Z lies in each at least, `least`, and in it and around it
    at most, `around` (K,), in logarithms and to three standard errors, and in how many of `draws`
    draws of the machine each was seen, `counts` (K,).
    """

    least: Tensor
    around: Tensor
    counts: Tensor
    draws: int

    def at_most(self, log_z: float) -> float:
        """log Z, by draws at most `log_z`, where there is as much around each region in which
        rather few of them lie as was measured there at most.
        """
        lean = _log_chance(self.counts, self._expected(log_z)) < math.log(RATHER_FEW)
        shares = self.counts / self.draws
        more = ((self.around - log_z).exp() - shares)[lean].clamp(min=0).sum().item()
        return log_z + math.log1p(more)

    def missed(self, log_z: float) -> Missed | None:
        """The regions in which too few draws lie for chance, if log Z is at most `log_z`.

        Those that lack most are looked at first, then these with the next, and so on: several
        regions may lack a few draws each. Each number of regions pays for all the choices there
        are of so many.
        """
        expected = self._expected(log_z)
        order = _log_chance(self.counts, expected).argsort()
        seen, due = self.counts[order].cumsum(0), expected[order].cumsum(0)
        chance = _log_chance(seen, due) + _log_choices(len(order))
        last = int(chance.argmin())
        if chance[last].item() >= math.log(UNLIKELY):
            return None
        log_mass = self.around[order[: last + 1]].logsumexp(0).item()
        return Missed(int(seen[last]), due[last].item(), self.draws, log_mass)

    def _expected(self, log_z: float) -> Tensor:
        """How many draws should lie in each region at least."""
        return self.draws * (self.least - log_z).exp().clamp(max=1)


class Modes:
    """Disjoint regions around the states that each hidden unit of a machine asks for, and how much
    of Z lies in each.
    """

    def __init__(self, machine: RBM, *, rng: torch.Generator) -> None:
        self.machine = machine
        regions = [_Region(machine, logits, rng) for logits in _distinct(_rates(machine, rng))]
        self.regions = _disjoint(sorted(regions, key=lambda region: -region.least)[:MOST])

    @torch.no_grad()
    def visits(self, states: Tensor) -> Visits:
        """How often each region was visited by draws of the machine, (N, D)."""
        log_density = self.machine.log_density(states).double()
        counts = [int(region.holds(states, log_density).sum()) for region in self.regions]
        least, around = torch.tensor(
            [(region.least, region.around) for region in self.regions], dtype=torch.float64
        ).T
        return Visits(least, around, torch.tensor(counts), len(states))


class _Region:
    """Where a product of independent bits has its draws, save those with the largest weights; log
    of what there is of Z in it at least, and in it and around it at most, to three errors.

    Inside the region weights are bounded, so that their mean is soon known.
    """

    @torch.no_grad()
    def __init__(self, machine: RBM, logits: Tensor, rng: torch.Generator) -> None:
        self.logits = logits
        self.states = sample_bits(logits.expand(DRAWS, -1).clone(), rng)
        self.log_density = machine.log_density(self.states).double()
        log_weights = self.log_density - self._log_prob(self.states)
        self.threshold = log_weights.quantile(INSIDE).item()
        inside = torch.where(log_weights <= self.threshold, log_weights, -math.inf)
        self.least = log_mean_estimate(inside).interval[0]
        self.around = log_mean_estimate(log_weights).interval[1]

    def holds(self, states: Tensor, log_density: Tensor) -> Tensor:
        """Which of the states (N, D), of these log densities (N,), lie in it."""
        return log_density - self._log_prob(states) <= self.threshold

    def shares(self, other: _Region) -> bool:
        """Whether they overlap by more than a little."""
        return any(
            bool(one.holds(two.states, two.log_density).double().mean() > SHARED)
            for one, two in ((self, other), (other, self))
        )

    def _log_prob(self, states: Tensor) -> Tensor:
        return states.double() @ self.logits - F.softplus(self.logits).sum()


@torch.no_grad()
def _rates(machine: RBM, rng: torch.Generator) -> Tensor:
    """How often each pixel is on in chains that begin with one hidden unit on alone, (H, D)."""
    alone = machine.a + machine.W.t()
    states = sample_bits(alone.repeat(COPIES, 1), rng)
    step, total = machine.gibbs(), torch.zeros_like(alone)
    for sweep in range(SETTLING + KEPT):
        states = step(states, rng)
        if sweep >= SETTLING:
            total += states.view(COPIES, *alone.shape).sum(0)
    return (total.double() + _COUNT) / (COPIES * KEPT + 2 * _COUNT)


def _distinct(rates: Tensor) -> Tensor:
    """The logits of those rows that are not like an earlier one that is kept."""
    kept = rates[:1]
    for row in rates[1:]:
        if bool((kept - row).abs().mean(1).min() > ALIKE):
            kept = torch.cat([kept, row[None]])
    return kept.logit()


def _disjoint(regions: Sequence[_Region]) -> list[_Region]:
    """Those that hardly overlap an earlier one that is kept."""
    kept: list[_Region] = []
    for region in regions:
        if not any(region.shares(other) for other in kept):
            kept.append(region)
    return kept


def _log_chance(counts: Tensor, expected: Tensor) -> Tensor:
    """log of the probability of at most so many where so many are expected (Poisson)."""
    return torch.special.gammaincc(counts.double() + 1, expected).log()


def _log_choices(regions: int) -> Tensor:
    """log of how many choices there are of 1, 2, … of so many regions."""
    chosen = torch.arange(1, regions + 1, dtype=torch.float64)
    return (
        math.lgamma(regions + 1)
        - torch.lgamma(chosen + 1)
        - torch.lgamma(regions - chosen + 1)
        + math.log(regions)
    )
