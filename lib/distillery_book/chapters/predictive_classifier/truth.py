"""What chapter 8 measures with: its data, its inputs, the exact answer by quadrature, and how
biased a loss of a random teacher is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from functools import lru_cache

import torch
from torch import Tensor, nn

from distillery.generators import Augmented, Generator, Noise, Uniform
from distillery.inference.quadrature import LogisticTruth
from distillery.losses import Loss, TwoSampleDerivatives
from distillery.models.bayes import LogisticPosterior, classifier_data
from distillery.models.logistic import MeanOfLogistics, PosteriorLogistic
from distillery.protocols import Batch
from distillery.teachers.posterior_mean import PosteriorMean

VARIANCES = (100, 10)  # of p(x): the thesis' text has 100, its author's code used 10
SIDE = 10.0

LogProbs = Callable[[Tensor], Tensor]


def data(seed: int) -> tuple[Tensor, Tensor, torch.Generator]:
    """Twenty-four labelled points of their own for each seed, the same for all methods; and the
    stream that follows them.
    """
    rng = torch.Generator().manual_seed(seed)
    return *classifier_data(rng), rng


def inputs(name: str, *, rng: torch.Generator) -> Generator:
    """p(x): `"variance 100"` is N(0, 100 I); `"square"` covers [-10, 10]^2, denser towards the
    origin, where the surface is steep.
    """
    if name.startswith("variance "):
        return Noise(2, rng=rng, scale=math.sqrt(float(name.split()[1])))
    return Augmented(Uniform(2, rng=rng, low=-SIDE, high=SIDE), _shrunk, rng=rng)


def square(points: int = 61) -> Tensor:
    """A regular grid over [-10, 10]^2, row by row, the first input running fastest."""
    axis = torch.linspace(-SIDE, SIDE, points, dtype=torch.float64)
    return torch.cartesian_prod(axis, axis).flip(1)


@lru_cache(maxsize=2)
def exact(seed: int) -> Mapping[str, tuple[Tensor, Tensor]]:
    """Inputs and the exact probabilities of y = 1 there, by quadrature: on the square's grid, and
    at 2000 draws from each p(x).
    """
    x, y, _ = data(seed)
    truth = LogisticTruth(LogisticPosterior(x, y), reach=45.0, tolerance=1e-5)
    rng = torch.Generator().manual_seed(10_000 + seed)
    asked = {
        f"variance_{v}": inputs(f"variance {v}", rng=rng).draw(2000).x.double() for v in VARIANCES
    }
    return {
        name: (points, truth.probs(points).value)
        for name, points in {"square": square(), **asked}.items()
    }


def errors(log_probs: LogProbs, seed: int) -> dict[str, float]:
    """Largest and mean error of a probability on the square, and KL(exact || predictor) there and
    over either p(x).
    """
    answers = {name: (log_probs(points), truth) for name, (points, truth) in exact(seed).items()}
    ours, truth = answers["square"]
    wrong = (ours[:, 1].exp() - truth).abs()
    divergences = {f"kl_{name}": divergence(*both) for name, both in answers.items()}
    return {"largest_error": float(wrong.max()), "mean_error": float(wrong.mean()), **divergences}


def divergence(log_probs: Tensor, truth: Tensor) -> float:
    """KL(exact || compact) in nats, averaged over the inputs (thesis, equation 3.18); truth holds
    probabilities of y = 1.
    """
    both = torch.stack([1 - truth, truth], 1)
    return float((torch.xlogy(both, both) - both * log_probs).sum(1).mean())


def bias(loss: Loss, draws: Tensor, network: MeanOfLogistics, x: Tensor) -> tuple[float, float]:
    """What a loss does to a random teacher, with no randomness left: the average over all of
    `draws` against the loss of their mean.

    Answers by how much the value is overstated, and how far the gradient is off, both relative.
    Two-sample losses average all pairs.
    """
    pairs = isinstance(loss, TwoSampleDerivatives)
    ridden = draws[torch.cartesian_prod(*[torch.arange(len(draws))] * 2)] if pairs else draws
    single = Batch(x.repeat(len(ridden), 1), draw=ridden.repeat_interleave(len(x), 0))
    exact = Batch(x, draw=torch.zeros(len(x), 2, 2) if pairs else None)
    (value, slope), (true_value, true_slope) = (
        _value_and_gradient(loss, teacher, network, batch)
        for teacher, batch in ((PosteriorLogistic(), single), (PosteriorMean(draws), exact))
    )
    return float((value - true_value) / true_value), float(
        (slope - true_slope).norm() / true_slope.norm()
    )


def prediction_seconds(log_probs: LogProbs, repeats: int = 3) -> float:
    """Seconds for 1000 predictions: the best of a few."""
    x, best = square(32)[:1000], math.inf
    for _ in range(repeats):
        start = time.perf_counter()
        log_probs(x)
        best = min(best, time.perf_counter() - start)
    return best


def _value_and_gradient(
    loss: Loss, teacher: nn.Module, network: MeanOfLogistics, batch: Batch
) -> tuple[Tensor, Tensor]:
    value = loss(teacher, network, batch)
    return value.detach(), torch.autograd.grad(value, network.weights)[0]


def _shrunk(x: Tensor, rng: torch.Generator) -> Tensor:
    return x * torch.rand(len(x), 1, generator=rng)
