"""Chapter 10: does an interval contain the truth as often as it says?

Ten machines of twenty hidden units, whose log Z can be added up: six that have learned digits, and
four of these cooled, all weights and biases doubled, which squares how improbable a state is beside
another, so that chains leave a mode more rarely. Every estimator that needs no student answers each
of them, with its three-error interval, and it is recorded whether the interval holds the exact
value.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from distillery.data import as_bits
from distillery.models.rbm import RBM
from distillery.partition import (
    Estimate,
    adapted,
    base_rates,
    exact_log_z,
    forward,
    importance,
    mean_field_rates,
    tempered,
    uniform,
)
from distillery.teachers.boltzmann import train_machine
from distillery.tools.logz import log_z
from distillery_book.chapters.partition_function.numbers import numbers
from distillery_book.results.study import Cell, Context, Outcome, Profile, Scalar, Study

PLAIN, COLD = "plain", "cold"
COLDER = 2.0  # what weights and biases of a cold machine are multiplied by
MACHINES = {PLAIN: 6, COLD: 4}
DATA, STAND_IN = "mnist_binarized", "embedded:digits_binarized"


@dataclass(frozen=True)
class Plan:
    """How a machine learns, and what the estimators may spend: the error that annealing both ways
    goes on for, and paths, temperatures and sweeps of the others.
    """

    hidden: int
    steps: int
    error: float
    paths: int
    temperatures: int
    sweeps: int


FULL = Plan(20, 5000, 0.05, 500, 1000, 2000)
SMALL = Plan(8, 300, 1.0, 60, 50, 20)
RUNGS = 40  # temperatures that tempered chains wander over


def cells(profile: Profile) -> Sequence[Cell]:
    """A machine a cell; on a laptop one of each kind."""
    if profile == "smoke":
        return [_cell(PLAIN, 0, SMALL, STAND_IN)]
    counts = dict.fromkeys(MACHINES, 1) if profile == "laptop" else MACHINES
    return [
        _cell(kind, seed, FULL, DATA) for kind, count in counts.items() for seed in range(count)
    ]


def _cell(kind: str, seed: int, plan: Plan, data: str) -> Cell:
    params: dict[str, Scalar] = {"machine": kind, "hidden": plan.hidden, "steps": plan.steps}
    return Cell({**params, "error": plan.error}, seed, data)


def run(cell: Cell, context: Context) -> Outcome:
    """Every estimator's answer, whether its interval holds the exact one, and its seconds."""
    plan = FULL if cell.params["hidden"] == FULL.hidden else SMALL
    images = as_bits(context.load(cell.data).x_train).to(context.device)
    machine = trained(cell, images)
    exact = exact_log_z(machine)
    metrics = {"exact": exact}
    for index, (name, estimator) in enumerate(ESTIMATORS.items()):
        rng = torch.Generator(context.device).manual_seed(1000 + cell.seed)
        began = time.perf_counter()
        estimate = estimator(machine, images, plan, rng)
        metrics |= {f"{name}_seconds": time.perf_counter() - began, **_held(name, estimate, exact)}
        context.report((index + 1) / len(ESTIMATORS))
    return Outcome(metrics)


def _held(name: str, estimate: Estimate, exact: float) -> dict[str, float]:
    """An estimate, whether its interval holds the exact value, and how far off it is."""
    low, high = estimate.interval
    covers, off = float(low <= exact <= high), estimate.value - exact
    return {**numbers({name: estimate}), f"{name}_covers": covers, f"{name}_off": off}


def trained(cell: Cell, images: Tensor) -> RBM:
    """A machine that has learned the images; a cold one has learned them and is then cooled."""
    rng = torch.Generator(images.device).manual_seed(cell.seed)
    hidden, steps = int(cell.params["hidden"]), int(cell.params["steps"])
    machine = train_machine(images, hidden, rng=rng, rate=0.05, steps=steps)
    if cell.params["machine"] == PLAIN:
        return machine
    return RBM.from_arrays(*(COLDER * part.detach() for part in (machine.W, machine.a, machine.b)))


def by_both_ways(machine: RBM, images: Tensor, plan: Plan, rng: torch.Generator) -> Estimate:
    """Annealing in both directions until the error is met, as `distillery logz` does."""
    report = log_z(machine, "ais", error=plan.error, rng=rng, data=images, minutes=3)
    return report.estimate


def by_annealing(machine: RBM, images: Tensor, plan: Plan, rng: torch.Generator) -> Estimate:
    """Forward annealing from the rates of the images' pixels."""
    return _annealed(machine, base_rates(images), plan, rng)


def by_mean_field(machine: RBM, images: Tensor, plan: Plan, rng: torch.Generator) -> Estimate:
    """Forward annealing from the machine's mean field, which needs no images."""
    return _annealed(machine, mean_field_rates(machine), plan, rng)


def by_tempering(machine: RBM, images: Tensor, plan: Plan, rng: torch.Generator) -> Estimate:
    """Chains that wander over temperatures."""
    base = base_rates(images)
    betas = adapted(machine, RUNGS, rng=rng, base=base)
    chains = max(2, plan.paths // 5)
    return tempered(machine, betas, chains=chains, sweeps=plan.sweeps, rng=rng, base=base)


def _annealed(machine: RBM, base: Tensor, plan: Plan, rng: torch.Generator) -> Estimate:
    betas = uniform(plan.temperatures)
    paths = forward(machine, betas, chains=plan.paths, rng=rng, base=base)
    return importance(paths.log_ratios.cpu())


Estimator = Callable[[RBM, Tensor, Plan, torch.Generator], Estimate]
ESTIMATORS: Mapping[str, Estimator] = {
    "both_ways": by_both_ways,
    "forward": by_annealing,
    "mean_field": by_mean_field,
    "tempered": by_tempering,
}

STUDY = Study(
    "coverage",
    1,
    "How often an interval of log Z holds the truth",
    cells,
    run,
    precision="float32",
)
