"""What predicts the classes of chapter 8: students distilled from the posterior, batch or online,
and their rivals.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from distillery.distillation import distill
from distillery.generators import Alongside, Chain, Generator
from distillery.inference.ep import expectation_propagation
from distillery.inference.laplace import laplace
from distillery.losses import DerivativeSquareError, Loss, SoftTargets, TwoSampleDerivatives
from distillery.models.bayes import LogisticPosterior
from distillery.models.bayes_kernels import logistic_step
from distillery.models.logistic import MeanOfLogistics, PosteriorLogistic
from distillery.models.moderated import MeanOfModerated
from distillery.protocols import Batch
from distillery.teachers.posterior_mean import PosteriorMean
from distillery.training.schedules import linear_to_zero
from distillery_book.chapters.predictive_classifier.truth import LogProbs, bias, inputs
from distillery_book.results.study import Cell, Context

DRAWS, BURN_IN = 10_000, 1000

Student = MeanOfLogistics | MeanOfModerated


@dataclass(frozen=True)
class Predictor:
    """Log probabilities of the two classes, counts of numbers, and points in the space of weights
    that show what it is.
    """

    log_probs: LogProbs
    metrics: dict[str, float]
    weights: Tensor


def loss(method: str) -> Loss:
    """Cross entropy (thesis, equation 3.22), derivative square error (3.24), or the latter's form
    for two independent draws.
    """
    if method.endswith("two_sample"):
        return TwoSampleDerivatives()
    return SoftTargets() if method.endswith("ce") else DerivativeSquareError(weighting="teacher")


def student(name: str, units: int, *, rng: torch.Generator, scale: float) -> Student:
    """`"units"` are logistic units, two numbers each (thesis, equation 3.44); `"clouds"` are
    moderated ones, five numbers each.
    """
    made = MeanOfLogistics.at_random if name == "units" else MeanOfModerated.at_random
    return made(units, 2, rng=rng, scale=scale)


def chain(
    posterior: LogisticPosterior, chains: int, *, rng: torch.Generator, thin: int = 1
) -> Chain:
    """Slice sampling from the origin: one chain with 1000 steps of burn-in in the thesis (section
    3.3.4).
    """
    start = torch.zeros(chains, posterior.dimension, dtype=torch.float64)
    burn_in = BURN_IN if chains == 1 else 200
    return Chain(logistic_step(posterior), start, rng=rng, burn_in=burn_in, thin=thin)


def distilled(
    cell: Cell, posterior: LogisticPosterior, rng: torch.Generator, context: Context
) -> Predictor:
    """Batch and online distillation (thesis, sections 3.3.2 and 3.3.3): the thesis' settings, or
    ours.
    """
    params, steps = cell.params, int(cell.params["steps"])
    method, is_thesis = str(params["method"]), params["protocol"] == "thesis"
    scale = 0.1 if is_thesis else 3.0
    network = student(str(params["student"]), int(params["units"]), rng=rng, scale=scale)
    teacher, source, held = _teacher_and_source(cell, posterior, rng)
    distill(
        teacher,
        network,
        source,
        loss(method),
        optimizer=_optimizer(network, is_thesis=is_thesis),
        batch_size=int(params["batch"]),
        steps=steps,
        schedule=linear_to_zero(steps),
        progress=lambda done, _: context.report(done / steps),
    )
    stored = sum(p.numel() for p in network.parameters())
    metrics: dict[str, float] = {"numbers_stored": stored, "numbers_held": stored + held}
    if method == "online_dse" and is_thesis:
        metrics.update(_biases(posterior, rng))
    points = network.weights if isinstance(network, MeanOfLogistics) else network.means
    return Predictor(torch.no_grad()(network), metrics, points.detach())


def rival(method: str, posterior: LogisticPosterior, rng: torch.Generator) -> Predictor:
    """The chain itself (thesis, equation 3.17), EP by either kind of moments (3.46 to 3.48), and
    Laplace's approximation.
    """
    if method == "mcmc":
        draws = chain(posterior, 1, rng=rng).trace(DRAWS)[:, 0]
        teacher = PosteriorMean(draws)
        counts = _counts(draws.numel(), draws.numel())
        return Predictor(lambda x: teacher(Batch(x)), counts, draws[:: DRAWS // 500])
    if method == "laplace":
        mode = laplace(posterior)
        return Predictor(mode.log_probs, _counts(5.0, 5.0), mode.mean[None])
    gaussian = expectation_propagation(
        posterior, moments="mackay" if method == "ep_mackay" else "quadrature"
    )
    counts = _counts(5.0, 5.0 + 2 * len(posterior.x))
    return Predictor(gaussian.log_probs, counts, gaussian.mean[None])


def _counts(stored: float, held: float) -> dict[str, float]:
    return {"numbers_stored": stored, "numbers_held": held}


def _teacher_and_source(
    cell: Cell, posterior: LogisticPosterior, rng: torch.Generator
) -> tuple[PosteriorMean | PosteriorLogistic, Generator, int]:
    """Who answers at which inputs, and how many numbers that takes beside the student's own: all
    draws in store, or online the states of the chains and a batch of draws.
    """
    params, batch = cell.params, int(cell.params["batch"])
    method, is_thesis = str(params["method"]), params["protocol"] == "thesis"
    source = inputs(str(params["inputs"]), rng=rng)
    if method.startswith("batch"):
        teacher = PosteriorMean(_stored(posterior, rng, is_thesis=is_thesis))
        return teacher, source, teacher.draws.numel()
    chains = [
        chain(posterior, 1 if is_thesis else batch, rng=_split(rng))
        for _ in range(2 if method.endswith("two_sample") else 1)
    ]
    held = len(chains) * 2 * (batch + len(chains[0].state))
    return PosteriorLogistic(), Alongside(source, *chains), held


def _stored(posterior: LogisticPosterior, rng: torch.Generator, *, is_thesis: bool) -> Tensor:
    """Ten thousand draws: of one chain as they come, or of a hundred chains, fifty sweeps apart."""
    running = chain(posterior, 1, rng=rng) if is_thesis else chain(posterior, 100, rng=rng, thin=50)
    return running.trace(DRAWS // len(running.state)).reshape(DRAWS, -1)


def _optimizer(network: Student, *, is_thesis: bool) -> torch.optim.Optimizer:
    if is_thesis:
        return torch.optim.SGD(network.parameters(), lr=1.0)
    return torch.optim.Adam(network.parameters(), lr=0.1)


def _biases(posterior: LogisticPosterior, rng: torch.Generator) -> dict[str, float]:
    """Bias of the derivative losses at a student of ten posterior draws, by weighting; forty draws
    stand for the posterior.
    """
    draws = chain(posterior, 1, rng=rng, thin=25).trace(50)[:, 0]
    x, network = inputs("variance 10", rng=rng).draw(64).x.double(), MeanOfLogistics(draws[40:])
    measure = partial(bias, draws=draws[:40], network=network, x=x)
    losses = {
        "teacher": DerivativeSquareError(weighting="teacher"),
        "uniform": DerivativeSquareError(),
        "two_sample": TwoSampleDerivatives(),
    }
    biases: dict[str, float] = {}
    for name, each in losses.items():
        value, gradient = measure(each)
        biases[f"value_bias_{name}"] = value
        biases[f"gradient_bias_{name}"] = gradient
    return biases


def _split(rng: torch.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=rng)))
