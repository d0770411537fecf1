"""What trained students say about an RBM's log Z: bounds, importance sampling and bridges (thesis,
Tables 4.2 to 4.5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from distillery.models.rbm import RBM
from distillery.partition import Estimate, bridge, importance, log_ratios, lower_bound, upper_bound
from distillery_book.chapters.partition_function.numbers import numbers
from distillery_book.results.study import Outcome
from distillery_book.running.pieces import Pieces, Share, sizes

# shares of a chain's way at which some chains are looked at
MARKS = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
WATCHED = 100  # of the chains of a piece
KEPT = 2000  # order statistics of the log ratios, for pictures
STARTS = (0.0, 400.0, 500.0)  # of the bridge's fixed point, beside the two bounds


class Student(Protocol):
    """A distribution over bits, exact to evaluate and to draw from: all that is asked of a student
    here.
    """

    def log_prob(self, x: Tensor, /) -> Tensor: ...

    def sample(self, n: int, *, rng: torch.Generator) -> Tensor: ...


@dataclass(frozen=True)
class Plan:
    """How many samples of either side, how many sweeps to each, and how many chains are moved at a
    time.
    """

    samples: int
    sweeps: int
    at_once: int = 1000

    def parts(self) -> list[tuple[int, int]]:
        return list(enumerate(sizes(self.samples, self.at_once)))


def measured(machine: RBM, students: Mapping[str, Student], plan: Plan, pieces: Pieces) -> Outcome:
    """All estimates by every student.

    They share the chains that start at random; each has its own that start at its samples.
    """
    random = [
        pieces(f"random-{i}", partial(_random, machine, plan.sweeps, n), cost=n / plan.samples)
        for i, n in plan.parts()
    ]
    ends = [part["states"] for part in random]
    metrics = {"highest": highest(machine, torch.cat(ends))}
    arrays = {"random": torch.cat(ends)[:64]}
    for name, student in students.items():
        ratios = _ratios(name, machine, student, ends, plan, pieces)
        metrics.update(_metrics(name, ratios))
        arrays.update(_arrays(name, ratios))
    return Outcome(metrics, arrays=arrays)


def _ratios(
    name: str,
    machine: RBM,
    student: Student,
    ends: Sequence[Tensor],
    plan: Plan,
    pieces: Pieces,
) -> dict[str, Tensor]:
    """The log ratios of one student, piece by piece beside the chains that started at random."""
    parts = [
        pieces(
            f"{name}-{i}",
            partial(_student, machine, student, plan.sweeps, ends[i]),
            cost=n / plan.samples,
        )
        for i, n in plan.parts()
    ]
    return {key: torch.cat([part[key] for part in parts], -1) for key in parts[0]}


def _arrays(name: str, ratios: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What pictures need of a student: log ratios in order, and how they drifted along chains, the
    mean and its standard error.
    """
    drift = ratios["drift"]
    error = drift.std(1) / drift.shape[1] ** 0.5
    ordered = {
        f"{key}_{name}": _ordered(values) for key, values in ratios.items() if key != "drift"
    }
    return {**ordered, f"drift_{name}": torch.stack([drift.mean(1), error]).float()}


def estimates(at_proposal: Tensor, at_target: Tensor, at_random: Tensor) -> dict[str, Estimate]:
    """Every estimate from log ratios at the student's draws, at ends of chains from there, and at
    ends of chains from random states.
    """
    return {
        "upper": upper_bound(at_random),
        "upper_own": upper_bound(at_target),
        "lower": lower_bound(at_proposal),
        "importance": importance(at_proposal, at_target),
        "bridge_10": bridge(at_proposal, at_target, iterations=10, start=0.0),
        "bridge": bridge(at_proposal, at_target),
        "bridge_random": bridge(at_proposal, at_random),
    }


@torch.no_grad()
def highest(machine: RBM, states: Tensor) -> float:
    """The largest log density found by climbing from the states and from black (thesis, equation
    4.50).

    softplus is convex, so its tangents bound log p̄ from below; the state that maximises their sum
    is never lower than the last.
    """
    x = torch.cat([states.to(machine.W), torch.zeros(1, machine.visible).to(machine.W)])
    best, before = machine.log_density(x).double(), None
    while before is None or bool((best > before).any()):
        x = (machine.a + machine.hidden_probs(x) @ machine.W.t() > 0).to(x.dtype)
        before, best = best, torch.maximum(best, machine.log_density(x).double())
    return best.max().item()


def _random(
    machine: RBM, sweeps: int, n: int, rng: torch.Generator, share: Share
) -> dict[str, Tensor]:
    """Ends of chains that start from fair coins, in bytes."""
    step = machine.gibbs()
    states = step.start(n, rng)
    for sweep in range(sweeps):
        states = step(states, rng)
        share((sweep + 1) / sweeps)
    return {"states": states.to(torch.uint8)}


def _student(
    machine: RBM, student: Student, sweeps: int, random: Tensor, rng: torch.Generator, share: Share
) -> dict[str, Tensor]:
    """As many exact samples as there are random chains, and where chains that start at them go; log
    ratios at all three.
    """
    step, marks = machine.gibbs(), {round(mark * sweeps) for mark in MARKS}
    states = student.sample(len(random), rng=rng).to(machine.W.dtype).contiguous()
    at_proposal, drift = log_ratios(machine, student, states), []
    for sweep in range(sweeps + 1):
        if sweep in marks:
            drift.append(log_ratios(machine, student, states[:WATCHED]))
        if sweep < sweeps:
            states = step(states, rng)
            share((sweep + 1) / sweeps)
    at_target, at_random = (log_ratios(machine, student, x) for x in (states, random))
    return {
        "at_proposal": at_proposal,
        "at_target": at_target,
        "at_random": at_random,
        "drift": torch.stack(drift),
    }


def _metrics(name: str, ratios: Mapping[str, Tensor]) -> dict[str, float]:
    """The estimates; the width of the bracket; what the fixed point keeps of its start, and the
    chains of theirs.
    """
    proposal, target = ratios["at_proposal"], ratios["at_target"]
    by_kind = estimates(proposal, target, ratios["at_random"])
    lower, upper = by_kind["lower"].value, by_kind["upper"].value
    ends = [bridge(proposal, target, start=start).value for start in (*STARTS, lower, upper)]
    return {
        **numbers(by_kind, of=name),
        f"bracket_{name}": upper - lower,
        f"starts_{name}": max(ends) - min(ends),
        f"memory_{name}": torch.corrcoef(torch.stack([proposal, target]))[0, 1].item(),
    }


def _ordered(values: Tensor) -> Tensor:
    """At most `KEPT` order statistics, evenly spread."""
    count = min(KEPT, len(values))
    places = torch.linspace(0, len(values) - 1, count, dtype=torch.float64).round().long()
    return values.sort().values[places.to(values.device)].float()
