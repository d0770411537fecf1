"""Biopsies: the posterior of a logistic regression over 31 weights, by long chains, by students of
these, and by rivals.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from distillery.generators import Alongside, Chain
from distillery.inference.ep import expectation_propagation
from distillery.inference.laplace import Laplace, laplace
from distillery.models.bayes import LogisticPosterior
from distillery.models.logistic import MeanOfLogistics, PosteriorLogistic
from distillery.models.moderated import MeanOfModerated
from distillery.protocols import Batch
from distillery.samplers.diagnostics import split_rhat
from distillery.samplers.hmc import HMC, tuned
from distillery.teachers.posterior_mean import PosteriorMean
from distillery_book.chapters.predictive_classifier.split import (
    Predictor,
    Split,
    detached,
    jittered,
    parameters,
    split,
    taught,
)

METHODS = ("mcmc", "units 10", "units 50", "cloud 1", "ep", "laplace", "map")
CHAINS, WARM_UP, PRIOR_VARIANCE = 64, 300, 1.0


def predictor(method: str, data: Split, steps: int, rng: torch.Generator) -> Predictor:
    """What a method makes of the training half."""
    posterior = _posterior(data)
    mode = laplace(posterior)
    if method == "mcmc":
        draws, rhat = _draws(posterior, mode, steps, rng)
        teacher = PosteriorMean(draws)
        return Predictor(lambda x: teacher(Batch(x)), draws.numel(), {"worst_rhat": rhat})
    if method in ("laplace", "ep", "map"):
        return _rival(method, posterior, mode)
    student = _student(method, mode, rng)
    questions = jittered(data.x, 0.5, rng=rng)
    running = posterior_chain(posterior, mode, rng=rng, warm_up=min(WARM_UP, steps))
    source = Alongside(questions, running)
    taught(PosteriorLogistic(), student, source, steps, rate=0.03, batch=CHAINS)
    return Predictor(detached(student), parameters(student))


def posterior_chain(
    posterior: LogisticPosterior, mode: Laplace, *, rng: torch.Generator, warm_up: int = WARM_UP
) -> Chain:
    """64 Hamiltonian chains, started from Laplace's Gaussian and tuned: a step length per weight,
    ten steps a trajectory.
    """
    variances = mode.covariance.diagonal()
    noise = torch.randn(CHAINS, posterior.dimension, generator=rng, dtype=torch.float64)
    start = mode.mean + noise * variances.sqrt()
    sampler = HMC(posterior.log_density, 0.2, 10, 1 / variances)
    sampler, state = tuned(sampler, start, rng, sweeps=warm_up)
    return Chain(sampler, state, rng=rng)


@lru_cache(maxsize=2)
def reference(seed: int, steps: int) -> Tensor:
    """What the long chains say of the test inputs, as log probabilities."""
    data = split("cancer", seed)
    posterior, rng = _posterior(data), torch.Generator().manual_seed(20_000 + seed)
    draws, _ = _draws(posterior, laplace(posterior), steps, rng)
    return PosteriorMean(draws)(Batch(data.x_test))


def _posterior(data: Split) -> LogisticPosterior:
    return LogisticPosterior(data.x, data.y, prior_variance=PRIOR_VARIANCE)


def _rival(method: str, posterior: LogisticPosterior, mode: Laplace) -> Predictor:
    """A Gaussian over the weights, by Laplace or by expectation propagation; or the mode alone."""
    if method == "map":
        return Predictor(detached(MeanOfLogistics(mode.mean[None])), posterior.dimension)
    gaussian = mode if method == "laplace" else expectation_propagation(posterior)
    return Predictor(gaussian.log_probs, posterior.dimension * (posterior.dimension + 3) // 2)


def _student(method: str, mode: Laplace, rng: torch.Generator) -> MeanOfLogistics | MeanOfModerated:
    """`"units 10"` are logistic units, `"cloud 1"` a moderated one: both start around the mode, as
    wide as Laplace's Gaussian.
    """
    kind, count = method.split()[0], int(method.split()[1])
    scale = torch.linalg.cholesky(mode.covariance)
    if kind == "cloud":
        return MeanOfModerated(mode.mean.expand(count, -1), scale.expand(count, -1, -1))
    noise = torch.randn(count, len(mode.mean), generator=rng, dtype=torch.float64)
    return MeanOfLogistics(mode.mean + noise @ scale.T)


def _draws(
    posterior: LogisticPosterior, mode: Laplace, steps: int, rng: torch.Generator
) -> tuple[Tensor, float]:
    """Half as many sweeps as the student has steps, of 64 chains, and the worst split R-hat of a
    weight.
    """
    running = posterior_chain(posterior, mode, rng=rng, warm_up=min(WARM_UP, steps))
    trace = running.trace(max(steps // 2, 20))
    return trace.flatten(0, 1), float(split_rhat(trace).max())
