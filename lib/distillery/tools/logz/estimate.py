"""log Z of any restricted Boltzmann machine: exactly where it can be added up, else to the error
that is asked for, with its doubts.

from distillery.tools.logz import log_z
report = log_z(machine, error=0.05, rng=rng)
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from distillery.models.rbm import RBM
from distillery.partition import both_ways
from distillery.partition.enumeration import MOST, exact_log_z
from distillery.partition.estimate import Estimate
from distillery.partition.starts import Progress, Starts
from distillery.samplers.density import check_count
from distillery.support.nearest import chosen
from distillery.tools.logz import student as logz_student
from distillery.tools.logz.report import METHODS, Report, spread

MOST_TEMPERATURES, MOST_DRAWS = 2**17, 2**14
_PATIENCE = 3  # rounds with doubts though their error is as small as asked
_TRAINING = 0.4  # of the time that is left, at most, goes into the student

Found = TypeVar("Found")


def log_z(
    machine: RBM,
    method: str = "auto",
    *,
    error: float = 0.05,
    rng: torch.Generator,
    data: Tensor | None = None,
    minutes: float | None = None,
    temperatures: int = 200,
    chains: int = 100,
    progress: Progress | None = None,
) -> Report:
    """log of the sum over x and h of exp(x W h + a x + b h), to a standard error of `error` nats
    (thesis, equation 4.30).

    auto: added up where one side has at most 20 units, else ais. ais: annealed importance sampling
    in both directions and the bridge between them, more temperatures and then more paths until the
    error is met. bridge, importance, bounds: a NADE is distilled from the machine and compared with
    it. `data` (N, visible) gives annealing a better base and chains better starts. No round of work
    is begun that would outlast `minutes`; `temperatures` and `chains` are those of the first.
    """
    _check(machine, method, rng, error=error, minutes=minutes)
    work = _Work(machine, error, minutes, progress, time.perf_counter())
    if method == "auto" and min(machine.visible, machine.hidden) <= MOST:
        return _enumerated(work)
    check_count("temperatures", temperatures)
    check_count("chains", chains, least=2)
    starts = Starts(machine, rng=rng, data=data, progress=progress)
    if method in ("auto", "ais"):
        return _annealed(
            work,
            both_ways.rounds(starts, temperatures=temperatures, chains=chains),
            starts.described,
        )
    return _compared(work, starts, method, draws=max(chains, 500))


def _enumerated(work: _Work) -> Report:
    states = 2 ** min(work.machine.visible, work.machine.hidden)
    if work.progress is not None:
        work.progress(f"adding up {states:,} states", 0, 1)
    value = exact_log_z(work.machine)
    exact = Estimate(value, 0.0, float(states), (value, value))
    return Report(
        "enumeration",
        "enumeration",
        {"enumeration": exact},
        (value, value),
        (),
        work.seconds(),
        {"states": states},
    )


def _annealed(work: _Work, rounds: Iterator[both_ways.BothWays], described: str) -> Report:
    def most(found: both_ways.BothWays) -> str:
        over = found.temperatures >= MOST_TEMPERATURES or found.paths >= MOST_DRAWS
        return (
            f"{found.temperatures:,} temperatures and {found.paths:,} paths are the most that is"
            " tried"
            if over
            else ""
        )

    def read(found: both_ways.BothWays) -> tuple[Estimate, float]:
        return found.bridge, math.inf if found.few else found.bridge.error

    found, short = work.until(rounds, read, most)
    estimates = {
        "both ways": found.bridge,
        "forward": found.forward,
        "reverse": found.reverse,
        "lower bound": found.lower,
        "upper bound": found.upper,
    }
    run = {
        "temperatures": found.temperatures,
        "paths_each_way": found.paths,
        "sweeps": found.sweeps,
        "starts": described,
    }
    return work.reported(
        "ais",
        "both ways",
        estimates,
        short=short,
        run=run,
        ratios=(found.from_base, found.from_machine),
    )


def _compared(work: _Work, starts: Starts, method: str, *, draws: int) -> Report:
    student, steps = logz_student.distilled(starts, seconds=_TRAINING * work.seconds_left())

    errors = ("lower bound", "upper bound") if method == "bounds" else (method,)

    def read(found: logz_student.Compared) -> tuple[Estimate, float]:
        return found.estimates[method], max(found.estimates[name].error for name in errors)

    def most(found: logz_student.Compared) -> str:
        n = len(found.below)
        return (
            f"{n:,} draws after {found.sweeps:,} sweeps are the most that is tried"
            if max(n, found.sweeps) >= MOST_DRAWS
            else ""
        )

    found, short = work.until(logz_student.rounds(starts, student, draws=draws), read, most)
    run = {
        "student": f"NADE of {student.hidden:,} units",
        "steps": steps,
        "draws_each_side": len(found.below),
    }
    run |= {"sweeps": found.sweeps, "starts": starts.described}
    return work.reported(
        method, method, found.estimates, short=short, run=run, ratios=(found.below, found.above)
    )


@dataclass(frozen=True)
class _Work:
    """What was asked for, and since when."""

    machine: RBM
    error: float
    minutes: float | None
    progress: Progress | None
    begun: float

    def seconds(self) -> float:
        return time.perf_counter() - self.begun

    def seconds_left(self) -> float:
        return math.inf if self.minutes is None else max(60 * self.minutes - self.seconds(), 0.0)

    def until(
        self,
        rounds: Iterator[Found],
        read: Callable[[Found], tuple[Estimate, float]],
        most: Callable[[Found], str],
    ) -> tuple[Found, str]:
        """The first round whose error is small enough and undoubted; else the last there may be,
        and in words why it falls short.

        `read` gives a round's estimate and the error that must become small, `most` says if it was
        the largest allowed. A round takes twice as long as the last.
        """
        doubted, before = 0, self.seconds()
        for found in rounds:
            (estimate, error), now = read(found), self.seconds()
            if self.progress is not None:
                self.progress(f"after {now:,.0f} s: {spread(estimate)}", 0, 0)
            doubted += error <= self.error
            if error <= self.error and (not estimate.warnings or doubted > _PATIENCE):
                return found, ""
            late = 2 * (now - before) > self.seconds_left()
            before = now
            if reason := (
                f"another round would not fit into {self.minutes:g} minutes"
                if late
                else most(found)
            ):
                return (
                    found,
                    (
                        ""
                        if error <= self.error or error == math.inf
                        else f"the standard error is {error:.2g}, not {self.error:g}: {reason}"
                    ),
                )
        raise AssertionError("rounds do not end by themselves")

    def reported(
        self,
        method: str,
        choice: str,
        estimates: Mapping[str, Estimate],
        *,
        short: str,
        run: Mapping[str, Any],
        ratios: tuple[Tensor, Tensor],
    ) -> Report:
        warnings = (*estimates[choice].warnings, *([short] if short else []))
        bracket = (estimates["lower bound"].interval[0], estimates["upper bound"].interval[1])
        below, above = ratios
        return Report(
            method,
            choice,
            estimates,
            bracket,
            warnings,
            self.seconds(),
            run,
            {"below": below, "above": above},
        )


def _check(machine: Any, method: str, rng: Any, *, error: float, minutes: float | None) -> None:
    chosen("method", method, METHODS)
    if not isinstance(machine, RBM):
        raise TypeError(
            f"machine is a {type(machine).__name__}: an RBM is needed, such as RBM.from_arrays(W,"
            " a, b)"
        )
    for name, value in (("error", error), ("minutes", minutes)):
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{name} is {value!r}: a number above 0 is needed")
    if rng.device.type != machine.W.device.type:
        raise ValueError(
            f"rng is on {rng.device}, the machine on {machine.W.device}: both must be on the same"
            " device"
        )
