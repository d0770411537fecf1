"""Stepwise EM: distil a stream into a mixture of Gaussians, keeping nothing but running averages
(thesis, appendix D.2).

The sibling of `distill`: generator and student are the same parts, the gradient step is replaced by
a step on sufficient statistics (Cappé and Moulines, 2009). Memory is one batch and K (1 + D + D^2)
numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from distillery.inference.em import Frame, Theta, expected_statistics, maximized
from distillery.models.mixture import Mixture
from distillery.protocols import Generator

Rate = Callable[[int], float]


def distil_by_em(
    generator: Generator,
    student: Mixture,
    *,
    iterations: int = 100,
    batch_size: int = 100,
    rate: Rate | None = None,
    floor: float = 1e-6,
) -> Tensor:
    """Mix the statistics of every new batch into the old ones, and match them (thesis, equations
    D.10 to D.14).

    The student changes in place. Returns the mean log likelihood of each batch before the student
    learnt from it, an honest estimate of its progress. `rate` maps the number of the iteration
    (from 0) to a number in [0, 1]; as in the thesis it falls linearly from 1 to 0. A covariance
    stays above `floor` times the variance of the student at the start, coordinate by coordinate.
    """
    if iterations < 1 or batch_size < 1:
        raise ValueError(
            f"iterations is {iterations} and batch_size is {batch_size}: both must be at least 1"
        )
    rate = rate or falling(iterations)
    frame = Frame.of_mixture(student)
    theta = frame.enter(student)
    running, values = statistics_of(theta), torch.empty(iterations, dtype=torch.float64)
    even = torch.full((batch_size,), 1 / batch_size, dtype=torch.float64)
    for t in range(iterations):
        points = frame.inside(
            _finite(student.points(generator.draw(batch_size).x).detach().double(), t)
        )
        fresh, values[t] = expected_statistics(points, theta, even)
        running = torch.lerp(running, fresh, _allowed(rate(t), t))
        theta = maximized(running, theta, floor)
    student.assign(*frame.outside(theta))
    return values - frame.scale.log().sum()


def falling(iterations: int) -> Rate:
    """From 1 at the first iteration down a straight line to 0 at the last (thesis, 3.2.3)."""
    return lambda t: 1.0 if iterations == 1 else 1 - t / (iterations - 1)


def power(exponent: float = 0.6, *, offset: float = 0.0) -> Rate:
    """1 / (offset + t)^exponent with t counted from 1 (thesis, equation D.16): convergence is
    proved for exponents in (1/2, 1].
    """
    if not 0.5 < exponent <= 1 or offset < 0:
        raise ValueError(
            f"exponent is {exponent} and offset is {offset}: an exponent in (1/2, 1] and a"
            " non-negative offset are needed"
        )
    return lambda t: 1 / (offset + t + 1) ** exponent


def statistics_of(theta: Theta) -> Tensor:
    """The statistics that the parameters match exactly: what the running average starts from."""
    second = theta.covariances + theta.means[:, :, None] * theta.means[:, None, :]
    return theta.weights[:, None] * torch.cat(
        [torch.ones_like(theta.means[:, :1]), theta.means, second.flatten(1)], dim=1
    )


def _allowed(rate: float, t: int) -> float:
    if not 0 <= rate <= 1:
        raise ValueError(f"rate({t}) is {rate}: a number between 0 and 1 is needed")
    return float(rate)


def _finite(x: Tensor, t: int) -> Tensor:
    if not bool(x.isfinite().all()):
        raise ValueError(
            f"batch {t} holds {int((~x.isfinite()).sum())} numbers that are not finite"
        )
    return x
