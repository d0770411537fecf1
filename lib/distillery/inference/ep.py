"""Expectation propagation for Bayesian logistic regression (Minka 2001 and 2008; thesis, equations
3.46 to 3.48).

Every data point's sigmoid is stood in for by a Gaussian factor of z_n = x_n . w; the factor is
chosen so that the posterior has the mean and variance of z_n that it would have with the true
sigmoid in the factor's place. The factors are renewed all at once, and sweeps are combined so that
they do not oscillate: the fixed points are those of the classical schedule, one factor at a time,
and the arithmetic is vectorised.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor

from distillery.inference.logistic_gaussian import Array, Method, predicted, tilted
from distillery.models.bayes import LogisticPosterior, separable
from distillery.support.nearest import chosen

Schedule = Literal["auto", "together", "in turn"]


@dataclass(frozen=True)
class ExpectationPropagation:
    """N(w | mean, covariance) (thesis, equation 3.46), and how it was reached.

    `change` is the last sweep's largest change of a factor, relative. `separable` says that a plane
    through the origin parts the labels: the likelihood alone has then no maximum, and only the
    prior keeps the posterior proper.
    """

    mean: Tensor
    covariance: Tensor
    log_evidence: float
    converged: bool
    sweeps: int
    change: float
    separable: bool

    def log_probs(self, x: Tensor, *, method: Method = "quadrature") -> Tensor:
        """Log probabilities of the two classes, (B, 2) (thesis, equations 3.47 and 3.48)."""
        return predicted(x, self.mean, self.covariance, method)

    def probs(self, x: Tensor, *, method: Method = "quadrature") -> Tensor:
        """The probability of y = 1, (B,)."""
        return self.log_probs(x, method=method)[:, 1].exp()


class Factors(NamedTuple):
    """exp(-precision z^2 / 2 + shift z) for every data point."""

    precision: Array
    shift: Array

    @classmethod
    def none(cls, n: int) -> Factors:
        return cls(np.zeros(n), np.zeros(n))

    @classmethod
    def of(cls, flat: Array) -> Factors:
        """Both parts of one vector.

        The sigmoid is log-concave, so no factor's precision is negative.
        """
        precision, shift = np.split(flat, 2)
        return cls(np.maximum(precision, 0.0), shift)


def expectation_propagation(
    posterior: LogisticPosterior,
    *,
    moments: Method = "quadrature",
    schedule: Schedule = "auto",
    damping: float = 0.0,
    tolerance: float = 1e-8,
    sweeps: int = 200,
) -> ExpectationPropagation:
    """The Gaussian whose factors agree with every sigmoid in mean and variance.

    `moments` says how a sigmoid's are found: by quadrature, or by MacKay's approximation as in the
    thesis. `schedule` renews the factors all together (fast, and settles where they are few), or in
    turn (sure); "auto" turns to the second where 50 sweeps of the first did not do. `damping` is
    the share of the old factors that stays. A run that has not settled warns, and says so in
    `converged`.
    """
    chosen("schedule", schedule, get_args(Schedule))
    if not 0 <= damping < 1 or sweeps < 1 or tolerance <= 0:
        given = f"damping is {damping}, sweeps is {sweeps} and tolerance is {tolerance}"
        raise ValueError(
            f"{given}: a share in [0, 1), a count of at least 1 and a positive number are needed"
        )
    problem = Problem(
        posterior.signed.numpy()[posterior.signed.any(1).numpy()], posterior.prior_variance, moments
    )
    run = Run(Factors.none(len(problem.signed)), 0, math.inf)
    if schedule != "in turn":
        run = _together(
            problem, damping, tolerance, sweeps if schedule == "together" else min(sweeps, 50)
        )
    if schedule != "together" and not run.change <= tolerance:
        run = _in_turn(problem, damping, tolerance, sweeps)
    if not run.change <= tolerance:
        message = (
            f"EP has not settled after {run.sweeps} sweeps: its factors still change by"
            f" {run.change:.2g}"
        )
        warnings.warn(message, RuntimeWarning, stacklevel=2)
    return _report(posterior, problem, run, settled=run.change <= tolerance)


class Problem(NamedTuple):
    """The inputs, signed by their labels, that say anything at all; the prior's variance; how
    moments are found.
    """

    signed: Array
    prior_variance: float
    moments: Method


class Run(NamedTuple):
    factors: Factors
    sweeps: int
    change: float


def _together(problem: Problem, damping: float, tolerance: float, sweeps: int) -> Run:
    factors, change, sweep, past = Factors.none(len(problem.signed)), math.inf, 0, Past()
    while change > tolerance and sweep < sweeps:
        mean, covariance = _gaussian(problem, factors)
        wanted = _renewed(*_cavities(problem.signed, factors, mean, covariance), problem.moments)
        sweep, before = sweep + 1, change
        change = _distance(factors, wanted)
        if not change < 10 * before:
            past, damping = Past(), min(0.9, damping + 0.1)
        factors = past.mixed(factors, wanted, damping)
    return Run(factors, sweep, change)


def _in_turn(problem: Problem, damping: float, tolerance: float, sweeps: int) -> Run:
    factors, change, sweep = Factors.none(len(problem.signed)), math.inf, 0
    while change > tolerance and sweep < sweeps:
        before = Factors(*(part.copy() for part in factors))
        mean, covariance = _gaussian(
            problem, factors
        )  # afresh each sweep: the updates of rank one gather rounding errors
        for n, x in enumerate(problem.signed):
            mean, covariance = _one_renewed(
                x, n, factors, mean, covariance, problem.moments, damping
            )
        sweep, change = sweep + 1, _distance(before, factors)
    return Run(factors, sweep, change)


def _one_renewed(
    x: Array,
    n: int,
    factors: Factors,
    mean: Array,
    covariance: Array,
    moments: Method,
    damping: float,
) -> tuple[Array, Array]:
    """Renew factor n in place, and return the posterior's new mean and covariance."""
    old = Factors(factors.precision[n : n + 1], factors.shift[n : n + 1])
    wanted = _renewed(*_cavities(x[None], old, mean, covariance), moments)
    more = (1 - damping) * (wanted.precision - old.precision)
    pull = (1 - damping) * (wanted.shift - old.shift)
    along = covariance @ x
    gain = 1 / (1 + more * (x @ along))
    mean = mean + along * gain * (pull - more * (x @ mean))
    factors.precision[n] += more[0]
    factors.shift[n] += pull[0]
    return mean, covariance - np.outer(along, along) * (more * gain)


class Past:
    """Anderson mixing: the combination of the last few sweeps whose changes cancel best, so that
    oscillations die at once.
    """

    def __init__(self, depth: int = 3) -> None:
        self.depth = depth
        self.last: tuple[Array, Array] | None = None
        self.moves: list[Array] = []
        self.turns: list[Array] = []

    def mixed(self, old: Factors, new: Factors, damping: float) -> Factors:
        point, change = np.concatenate(old), np.concatenate(new) - np.concatenate(old)
        before, self.last = self.last, (point, change)
        if before is None:
            return Factors.of(point + (0.4 if damping == 0 else 1 - damping) * change)
        self.moves = [*self.moves[1 - self.depth :], point - before[0]]
        self.turns = [*self.turns[1 - self.depth :], change - before[1]]
        moves, turns = np.array(self.moves), np.array(self.turns)
        share = _least_squares(
            turns,
            change,
            np.repeat([1e-300 + np.abs(part).max(initial=0.0) for part in new], len(new.shift)),
        )
        return Factors.of(point + (1 - damping) * (change - share @ turns) - share @ moves)


def _least_squares(rows: Array, target: Array, size: Array) -> Array:
    """The combination of a few rows nearest to the target, entries being measured in units of
    `size`.
    """
    rows, target = rows / size, target / size
    lengths = np.sqrt(np.square(rows).sum(1)) + 1e-300
    rows /= lengths[:, None]
    return np.asarray(
        np.linalg.solve(rows @ rows.T + 1e-13 * np.eye(len(rows)), rows @ target) / lengths
    )


def _renewed(center: Array, variance: Array, moments: Method) -> Factors:
    """The factors that give the tilted mean and variance back to these cavities."""
    _, slope, bend = tilted(center, variance, moments)
    weight = 1 - variance * bend
    return Factors(bend / weight, (slope + center * bend) / weight)


def _gaussian(problem: Problem, factors: Factors) -> tuple[Array, Array]:
    signed = problem.signed
    precision = (signed.T * factors.precision) @ signed + np.eye(
        signed.shape[1]
    ) / problem.prior_variance
    covariance = np.linalg.inv(precision)
    return np.asarray(covariance @ (signed.T @ factors.shift)), np.asarray(covariance)


def _cavities(
    signed: Array, factors: Factors, mean: Array, covariance: Array
) -> tuple[Array, Array]:
    """Mean and variance of every z_n with its own factor taken out."""
    variance = ((signed @ covariance) * signed).sum(1)
    left = 1 - variance * factors.precision
    return (signed @ mean - variance * factors.shift) / left, variance / left


def _distance(old: Factors, new: Factors) -> float:
    return max(
        float(np.max(np.abs(a - b), initial=0.0) / (np.max(np.abs(b), initial=0.0) + 1e-300))
        for a, b in zip(old, new, strict=True)
    )


def _report(
    posterior: LogisticPosterior, problem: Problem, run: Run, *, settled: bool
) -> ExpectationPropagation:
    signed = problem.signed
    mean, covariance = _gaussian(problem, run.factors)
    ignored = len(posterior.signed) - len(signed)
    evidence = _log_evidence(problem, run.factors, mean, covariance) + ignored * math.log(0.5)
    parted = ignored == 0 and (
        bool((signed @ mean > 0).all()) or separable(posterior.x, posterior.y)
    )
    return ExpectationPropagation(
        torch.from_numpy(mean),
        torch.from_numpy(covariance),
        evidence,
        settled,
        run.sweeps,
        run.change,
        parted,
    )


def _log_evidence(problem: Problem, factors: Factors, mean: Array, covariance: Array) -> float:
    """The integral of prior times factors, each factor scaled so that its mass against its cavity
    is the sigmoid's.
    """
    center, variance = _cavities(problem.signed, factors, mean, covariance)
    tau, nu = factors
    natural = nu + center / variance
    own = 0.5 * (
        np.square(natural) / (tau + 1 / variance)
        - np.square(center) / variance
        - np.log1p(tau * variance)
    )
    shift = problem.signed.T @ nu
    whole = 0.5 * (
        np.linalg.slogdet(covariance)[1]
        - len(mean) * math.log(problem.prior_variance)
        + shift @ mean
    )
    return float((tilted(center, variance, problem.moments).log_mass - own).sum() + whole)
